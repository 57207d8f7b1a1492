"""
An option is changed on three nodes by one parallel highstate: each service is renewed one node at a
time, and no client notices.
"""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from swift import site

from lab import highstate

PYTHON = "/opt/client/bin/python"
CLIENT, TASK, ENOUGH = "/opt/client/turns.py", "/etc/turns.json", "/run/turns.enough"
IMAGES = 9292
OPTIONS = {"keystone": {"list_limit": 500}, "glance": {"api_limit_max": 500}}
SERVICES = tuple(OPTIONS)
UNITS = {"keystone": "keystone", "glance": "glance-api"}
DECISIONS = "openstack_ha/demo/turn.*/decision"


@pytest.fixture
def asking(lab):
    """Return a function that does something while clients ask, and returns how they fared."""
    known = lab.inventory["credentials"]["keystone"]
    images = f"{known['url'].rpartition(':')[0]}:{IMAGES}/v2/images"
    task = {key: known[key] for key in ("url", "user", "password")}
    lab.client.write(TASK, json.dumps({**task, "images": images}), mode=0o600)
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


def starts(lab, nodes, service):
    """When a service was started last on each node, in seconds since the host's boot."""
    shown = ["systemctl", "show", "--property=ActiveEnterTimestampMonotonic", UNITS[service]]
    return {node: int(lab.node(node).check(shown).split("=")[1]) for node in nodes}


@pytest.fixture
def another_option(mended, lab, nodes):
    """The master has a cluster file with another option of each service, and no node heard."""
    content = site.source()
    for service, option in OPTIONS.items():
        content["openstack_ha"].setdefault(service, {})["options"] = {"DEFAULT": option}
    site.give(lab, content)
    yield
    site.apply(lab, site.source(), ",".join(nodes))


@pytest.mark.usefixtures("another_option")
def test_an_option_goes_round_one_node_at_a_time_and_nobody_notices(
    lab, nodes, asking, figure, tell
):
    before = {service: starts(lab, nodes, service) for service in SERVICES}
    decisions = []
    with lab.listen(DECISIONS, lambda _tag, data: decisions.append(data)):
        returns, fared = asking(lambda: lab.highstate(target=",".join(nodes)))
    assert highstate.failures(returns, nodes) == {}
    after = {service: starts(lab, nodes, service) for service in SERVICES}
    for service in SERVICES:
        assert all(after[service][node] > before[service][node] for node in nodes)
        steps = [
            (one["verdict"], *one["nodes"])
            for one in decisions
            if one["subject"] == service and one["verdict"] not in ("wait", "settled")
        ]
        tell(f"{service}: {', '.join(' '.join(step) for step in steps)}")
        turns = [steps[at : at + 3] for at in range(0, len(steps), 3)]
        assert [[step for step, _ in turn] for turn in turns] == [["drain", "renew", "readmit"]] * 3
        assert [len({node for _, node in turn}) for turn in turns] == [1, 1, 1]
        assert {turn[0][1] for turn in turns} == set(nodes)
    figure("requests while three nodes take a new option", fared["answered"])
    assert fared["failed"] == []
    assert min(fared["answered"].values()) > len(nodes)


@pytest.mark.usefixtures("another_option")
def test_a_run_that_was_cut_off_before_the_restart_is_finished_by_the_next(lab, nodes):
    """The file is new, and whoever was to read it was never told."""
    first, apply = nodes[0], "state.apply"

    def is_outdated():
        return lab.master.salt(first, "openstack_ha_turn.is_outdated", "keystone")[first]

    before = starts(lab, nodes, "keystone")
    lab.master.salt(first, apply, "openstack_ha.keystone.config")
    # The schedule's look may have seen to it already.
    returns = lab.master.salt(first, apply, "openstack_ha.keystone")
    assert highstate.failures(returns, [first]) == {}
    after = starts(lab, nodes, "keystone")
    assert [one for one in nodes if after[one] > before[one]] == [first]
    assert is_outdated() is False
