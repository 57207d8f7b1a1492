"""
An option of every system is changed on all nodes by one parallel highstate: each service is renewed
one node at a time, and no client notices more than a request that it has to repeat.
"""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pytest
from chaos.load import KINDS, Load
from salt.utils import dictupdate
from swift import site

from lab import highstate

PYTHON = "/opt/client/bin/python"
CLIENT, TASK, ENOUGH = "/opt/client/turns.py", "/etc/turns.json", "/run/turns.enough"
# Another one of each system, as the cluster file says it.
OPTIONS = {
    "galera": {"server_options": {"long_query_time": 9}},
    "rabbitmq": {"net_ticktime": 6},
    "memcached": {"connections": 4000},
    "keystone": {"options": {"DEFAULT": {"list_limit": 500}}},
    "glance": {"options": {"DEFAULT": {"api_limit_max": 500}}},
    "swift": {"proxy": {"options": {"app:proxy-server": {"node_timeout": 11}}}},
    "haproxy": {"timeouts": {"http_request": 11}},
    "keepalived": {"garp_refresh": 11},
}
DRAINED, RENEWED = ["drain", "renew", "readmit"], ["renew"]
# How each goes round when an option has changed; what a reload takes ends nothing.
STEPS = {
    "rabbitmq": DRAINED,
    "memcached": RENEWED,
    "keystone": DRAINED,
    "glance": DRAINED,
    "swift.proxy": RENEWED,
    "haproxy": RENEWED,
    "keepalived": RENEWED,
}
# The package of each, of which there is another version next, which asks for a start.
PACKAGES = {
    "rabbitmq": "rabbitmq-server",
    "memcached": "memcached",
    "keystone": "keystone",
    "glance": "glance-api",
    "swift.proxy": "swift-proxy",
    "haproxy": "haproxy",
    "keepalived": "keepalived",
}
AGAIN = {**STEPS, "swift.proxy": DRAINED}
# A restart of HAProxy restarts keepalived with it.
LED = {"keepalived": "haproxy"}
DECISIONS = "openstack_ha/demo/*/decision"
# Seconds, of a busy machine.
LONGEST = 3600
RESTING = ("wait", "settled", "refuse")


class Round(NamedTuple):
    """What came of one parallel highstate on all nodes."""

    returns: dict
    # The steps that were decided, by service.
    steps: dict
    # How those fared who asked all the time.
    fared: dict


@pytest.fixture(scope="module")
def asking(lab):
    """Return a function that does something while clients ask, and returns how they fared."""
    known = lab.inventory["credentials"]["keystone"]
    task = {key: known[key] for key in ("url", "user", "password")}
    lab.client.write(TASK, json.dumps(task), mode=0o600)
    source = Path(__file__).with_name("turns") / "client.py"
    lab.client.write(CLIENT, source.read_text(encoding="utf-8"))

    def run(act):
        lab.client.check(["rm", "-f", ENOUGH])
        with ThreadPoolExecutor() as pool:
            argv = [PYTHON, CLIENT, TASK, ENOUGH]
            fared = pool.submit(lab.client.check, argv, timeout=LONGEST)
            try:
                done = act()
            finally:
                lab.client.check(["touch", ENOUGH])
            return done, json.loads(fared.result())

    return run


@pytest.fixture(scope="module")
def going_round(lab, nodes, asking):
    """Return a function that applies the highstate to all nodes at once; returns a Round."""

    def run():
        steps = {}

        def hear(tag, said):
            if said["verdict"] not in RESTING:
                subject = said.get("subject") or tag.split("/")[2]
                steps.setdefault(subject, []).extend((said["verdict"], n) for n in said["nodes"])

        with lab.listen(DECISIONS, hear):
            returns, fared = asking(lambda: lab.highstate(target=",".join(nodes)))
        return Round(returns, steps, fared)

    return run


@pytest.fixture(scope="module")
def rounds(lab, nodes, mended_once, going_round):
    """
    Other options go round, and then the former ones with another version of each package, while
    rows and messages are written; the load with what it has kept.
    """
    content = site.source()
    dictupdate.update(content["openstack_ha"], OPTIONS)
    with Load(lab) as load:
        site.give(lab, content)
        there = going_round()
        site.give(lab, site.source())
        for node in nodes:
            for package in PACKAGES.values():
                sums = f"/var/lib/dpkg/info/{package}.md5sums"
                line = f"{'0' * 32}  of/another/version"
                lab.node(node).check(["sh", "-c", f"echo '{line}' >> {sums}"])
        back = going_round()
    return {"options": there, "packages": back, "load": load}


def assert_in_turn(one, wanted, nodes, tell):
    """Each service went round once, one node after another."""
    for service, seen in one.steps.items():
        tell(f"{service}: {', '.join(' '.join(step) for step in seen)}")
    assert highstate.failures(one.returns, nodes) == {}
    for service, steps in wanted.items():
        seen = one.steps.get(service, [])
        turns = [seen[at : at + len(steps)] for at in range(0, len(seen), len(steps))]
        assert [[step for step, _ in turn] for turn in turns] == [steps] * len(nodes), service
        assert [len({node for _, node in turn}) for turn in turns] == [1] * len(nodes), service
        assert {turn[0][1] for turn in turns} == set(nodes), service
    assert sorted(one.steps["galera"]) == [("restart", node) for node in nodes]


def test_an_option_of_every_system_goes_round_one_node_at_a_time(rounds, nodes, tell):
    assert_in_turn(rounds["options"], STEPS, nodes, tell)


def test_a_new_version_of_a_package_goes_round_as_well(lab, rounds, nodes, tell):
    led = {service: AGAIN[service] for service in AGAIN if service not in LED}
    assert_in_turn(rounds["packages"], led, nodes, tell)
    assert [outdated(lab, node) for node in nodes] == [set()] * len(nodes)


@pytest.mark.parametrize("kind", ["options", "packages"])
def test_no_client_has_to_ask_three_times(rounds, kind, nodes, figure, tell):
    fared = rounds[kind].fared
    figure(f"requests while {kind} go round", fared["answered"])
    figure(f"requests that were repeated once while {kind} go round", len(fared["again"]))
    for one in fared["again"]:
        tell(one)
    assert fared["failed"] == []
    assert min(fared["answered"].values()) > len(nodes)


def test_nothing_that_was_acknowledged_meanwhile_is_lost(rounds, nodes):
    load = rounds["load"]
    wanted = {kind: load.acknowledged(kind) for kind in KINDS}
    assert all(wanted.values())
    assert wanted["rows"] - load.rows(nodes[0]) == set()
    for kind in ("quorum", "mirrored"):
        assert wanted[kind] - load.messages(kind) == set()


def outdated(lab, node):
    """The services of a node that run with something else than is on its disk."""
    said = lab.master.salt(node, "openstack_ha_turn.evidence")[node]
    return {service for service, one in said.items() if one["is_outdated"]}


@pytest.fixture
def cut_off(mended, lab, nodes):
    """The first node has new files of some services, and who was to read them was never told."""
    services = ("keystone", "memcached", "haproxy")

    def applied(*names):
        sls = ",".join(f"openstack_ha.{one}" for one in names)
        return lab.master.salt(nodes[0], "state.apply", sls)

    def finish():
        returns = applied(*services)
        assert highstate.failures(returns, nodes[:1]) == {}

    content = site.source()
    dictupdate.update(content["openstack_ha"], {one: OPTIONS[one] for one in services})
    site.give(lab, content)
    before = changed(lab, nodes[0], services)
    applied(*(f"{one}.config" for one in services))
    yield services, before, finish
    site.give(lab, site.source())
    finish()


def changed(lab, node, services):
    """When each service was started or reloaded last on a node."""
    shown = ["systemctl", "show", "--property=StateChangeTimestampMonotonic"]
    return {one: lab.node(node).check([*shown, one]) for one in services}


def test_a_run_that_was_cut_off_before_the_restart_is_finished_by_the_next(lab, nodes, cut_off):
    services, before, finish = cut_off
    # The schedule's look may have seen to it already.
    finish()
    after = changed(lab, nodes[0], services)
    assert [one for one in services if after[one] == before[one]] == []
    assert outdated(lab, nodes[0]) & set(services) == set()
