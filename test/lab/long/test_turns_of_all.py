"""
An option of every system is changed on all nodes by one parallel highstate, and then there is
another version of each package: each service is renewed one node at a time, controllers beside
storage nodes, and no client notices more than a request that it has to repeat.
"""

import pytest
from chaos.load import KINDS, Load
from salt.utils import dictupdate
from swift import site
from turns.going import (
    DRAINED,
    LONGEST,
    STEPS,
    STORAGE_STEPS,
    assert_fared,
    assert_in_turn,
    going,
    outdated,
)

from lab import highstate
from lab.waiting import wait_while

# Another one of each system, as the cluster file says it.
OPTIONS = {
    "galera": {"server_options": {"long_query_time": 9}},
    "rabbitmq": {"net_ticktime": 6},
    "memcached": {"connections": 4000},
    "keystone": {"options": {"DEFAULT": {"list_limit": 500}}},
    "glance": {"options": {"DEFAULT": {"api_limit_max": 500}}},
    "placement": {"options": {"placement": {"allocation_conflict_retry_count": 11}}},
    "swift": {
        "proxy": {"options": {"app:proxy-server": {"node_timeout": 11}}},
        "object": {"options": {"DEFAULT": {"client_timeout": 61}}},
    },
    "haproxy": {"timeouts": {"http_request": 11}},
    "keepalived": {"garp_refresh": 11},
}
PACKAGES = (
    "rabbitmq-server",
    "memcached",
    "keystone",
    "glance-api",
    "placement-api",
    "swift-proxy",
    "haproxy",
    "keepalived",
)
STORAGE_PACKAGES = ("swift-object",)
# A new package asks for a start; that of HAProxy starts keepalived anew as well.
STARTS = {service: steps for service, steps in STEPS.items() if service != "keepalived"} | {
    "swift.proxy": DRAINED
}


@pytest.fixture(scope="module")
def storage(lab):
    """The storage nodes' ids."""
    return lab.with_role("storage")


@pytest.fixture(scope="module")
def rounds(lab, nodes, storage, store, mended_once):
    """
    Other options go round, and then, with nothing applied, another version of each package, while
    rows, messages and objects are written; the load with what it has kept.
    """
    content = site.source()
    dictupdate.update(content["openstack_ha"], OPTIONS)
    site.give(lab, content)
    everyone = [*nodes, *storage]
    new = {**dict.fromkeys(nodes, PACKAGES), **dict.fromkeys(storage, STORAGE_PACKAGES)}
    with Load(lab) as load, store:
        options = going(lab, lambda: lab.highstate(target=",".join(everyone)))
        packages = going(lab, lambda: renewed(lab, new))
    yield {"options": options, "packages": packages, "load": load}
    site.apply(lab, site.source(), ",".join(everyone))


def renewed(lab, new):
    """Have packages of another version on all nodes, and the master look until all run it."""
    for node, packages in new.items():
        for package in packages:
            sums = f"/var/lib/dpkg/info/{package}.md5sums"
            line = f"{'0' * 32}  of/another/version"
            lab.node(node).check(["sh", "-c", f"echo '{line}' >> {sums}"])
    # The schedule may be at it already.
    lab.master.run("openstack_ha_coordinator.answer", "demo", "turn")
    wait_while(
        lambda: {node: left for node in new if (left := outdated(lab, node))},
        LONGEST,
        "nodes that run what is on their disks",
    )


def test_an_option_of_every_system_goes_round_one_node_at_a_time(rounds, nodes, storage, tell):
    assert highstate.failures(rounds["options"].returns, [*nodes, *storage]) == {}
    assert_in_turn(rounds["options"], STEPS, nodes, tell)
    assert sorted(rounds["options"].steps["galera itself"]) == [("restart", node) for node in nodes]


def test_a_new_version_of_a_package_goes_round_as_well(rounds, nodes, tell):
    assert_in_turn(rounds["packages"], STARTS, nodes, tell)


@pytest.mark.parametrize("kind", ["options", "packages"])
def test_storage_nodes_go_round_one_by_one_as_well(rounds, kind, storage, tell):
    assert_in_turn(rounds[kind], STORAGE_STEPS, storage, tell)


def test_no_object_is_missed_meanwhile(store, rounds):
    assert store.failed() == []
    assert int(store.run("verify"))


@pytest.mark.parametrize("kind", ["options", "packages"])
def test_no_client_has_to_ask_three_times(rounds, kind, nodes, figure, tell):
    fared = rounds[kind].fared
    figure(f"requests while {kind} go round", fared["answered"])
    figure(f"requests that were repeated once while {kind} go round", len(fared["again"]))
    assert_fared(rounds[kind], nodes, tell)


def test_nothing_that_was_acknowledged_meanwhile_is_lost(rounds, nodes):
    load = rounds["load"]
    wanted = {kind: load.acknowledged(kind) for kind in KINDS}
    assert all(wanted.values())
    assert wanted["rows"] - load.rows(nodes[0]) == set()
    for kind in ("quorum", "mirrored"):
        assert wanted[kind] - load.messages(kind) == set()
