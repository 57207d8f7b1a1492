"""
An option of every system is changed on all nodes by one parallel highstate: each service is renewed
one node at a time, and no client notices more than a request that it has to repeat.
"""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

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
# How each goes round; what a reload takes ends nothing that has to be drained.
STEPS = {
    "rabbitmq": DRAINED,
    "memcached": RENEWED,
    "keystone": DRAINED,
    "glance": DRAINED,
    "swift.proxy": RENEWED,
    "haproxy": RENEWED,
    "keepalived": RENEWED,
}
# The package of each.
PACKAGES = {
    "rabbitmq": "rabbitmq-server",
    "memcached": "memcached",
    "keystone": "keystone",
    "glance": "glance-api",
    "swift.proxy": "swift-proxy",
    "haproxy": "haproxy",
    "keepalived": "keepalived",
}
DECISIONS = "openstack_ha/demo/*/decision"
RESTING = ("wait", "settled", "refuse")


@pytest.fixture
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
            fared = pool.submit(lab.client.check, [PYTHON, CLIENT, TASK, ENOUGH])
            try:
                done = act()
            finally:
                lab.client.check(["touch", ENOUGH])
            return done, json.loads(fared.result())

    return run


@pytest.fixture
def deciding(lab):
    """Return a function that does something, and returns the steps that were decided meanwhile."""

    def run(act):
        heard = []

        def hear(tag, data):
            heard.append((data.get("subject") or tag.split("/")[2], data))

        with lab.listen(DECISIONS, hear):
            done = act()
        steps = {}
        for subject, said in heard:
            if said["verdict"] not in RESTING:
                steps.setdefault(subject, []).extend((said["verdict"], n) for n in said["nodes"])
        return done, steps

    return run


@pytest.fixture
def another_option(mended, lab, nodes):
    """The master has a cluster file with another option of each system, and no node heard."""
    content = site.source()
    dictupdate.update(content["openstack_ha"], OPTIONS)
    site.give(lab, content)
    yield
    site.apply(lab, site.source())


@pytest.fixture
def another_version(mended, lab, nodes):
    """Packages of each service have another version, as far as the disk tells."""
    for node in nodes:
        for package in PACKAGES.values():
            sums = f"/var/lib/dpkg/info/{package}.md5sums"
            lab.node(node).check(["sh", "-c", f"echo '{'0' * 32}  of/another/version' >> {sums}"])


def told(steps, tell):
    for service, seen in steps.items():
        tell(f"{service}: {', '.join(' '.join(step) for step in seen)}")


def outdated(lab, node):
    """The services of a node that run with something else than is on its disk."""
    said = lab.master.salt(node, "openstack_ha_turn.evidence")[node]
    return {service for service, one in said.items() if one["is_outdated"]}


@pytest.mark.usefixtures("another_option")
def test_an_option_of_every_system_goes_round_one_node_at_a_time(
    lab, nodes, asking, deciding, figure, tell
):
    with Load(lab) as load:
        (returns, steps), fared = asking(
            lambda: deciding(lambda: lab.highstate(target=",".join(nodes)))
        )
    told(steps, tell)
    assert highstate.failures(returns, nodes) == {}
    for service, wanted in STEPS.items():
        seen = steps.get(service, [])
        rounds = [seen[at : at + len(wanted)] for at in range(0, len(seen), len(wanted))]
        assert [[step for step, _ in one] for one in rounds] == [wanted] * len(nodes), service
        assert [len({node for _, node in one}) for one in rounds] == [1] * len(nodes), service
        assert {one[0][1] for one in rounds} == set(nodes), service
    assert sorted(steps["galera"]) == [("restart", node) for node in nodes]
    figure("requests while three nodes take new options", fared["answered"])
    figure("requests that were repeated once", len(fared["again"]))
    assert fared["failed"] == [], fared["again"]
    assert min(fared["answered"].values()) > len(nodes)
    wanted = {kind: load.acknowledged(kind) for kind in KINDS}
    assert all(wanted.values())
    assert wanted["rows"] - load.rows(nodes[0]) == set()
    for kind in ("quorum", "mirrored"):
        assert wanted[kind] - load.messages(kind) == set()


@pytest.mark.usefixtures("another_option")
def test_a_run_that_was_cut_off_before_the_restart_is_finished_by_the_next(lab, nodes):
    """The files are new, and who was to read them was never told."""
    first, services = nodes[0], ("keystone", "memcached", "haproxy")

    def changed():
        shown = ["systemctl", "show", "--property=StateChangeTimestampMonotonic"]
        return {one: lab.node(first).check([*shown, one]) for one in services}

    before = changed()
    lab.master.salt(
        first, "state.apply", ",".join(f"openstack_ha.{one}.config" for one in services)
    )
    # The schedule's look may have seen to it already.
    returns = lab.master.salt(
        first, "state.apply", ",".join(f"openstack_ha.{one}" for one in services)
    )
    assert highstate.failures(returns, [first]) == {}
    after = changed()
    assert [one for one in services if after[one] == before[one]] == []
    assert outdated(lab, first) & set(services) == set()


@pytest.mark.usefixtures("another_version")
def test_a_new_version_of_a_package_goes_round_as_well(lab, nodes, asking, deciding, tell):
    (returns, steps), fared = asking(
        lambda: deciding(lambda: lab.highstate(target=",".join(nodes)))
    )
    told(steps, tell)
    assert highstate.failures(returns, nodes) == {}
    assert fared["failed"] == [], fared["again"]
    for seen in steps.values():
        renewed = [node for step, node in seen if step == "renew"]
        assert len(renewed) == len(set(renewed)) <= len(nodes)
    assert [outdated(lab, node) for node in nodes] == [set()] * len(nodes)
