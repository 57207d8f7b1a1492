"""Services that go round, while clients ask all the time."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

PYTHON = "/opt/client/bin/python"
CLIENT, TASK, ENOUGH = "/opt/client/turns.py", "/etc/turns.json", "/run/turns.enough"
# Seconds, of a busy machine.
LONGEST = 3600
DECISIONS = "openstack_ha/demo/*/decision"
RESTING = ("wait", "settled", "refuse")
DRAINED, RENEWED = ["drain", "renew", "readmit"], ["renew"]
# How each goes round when an option has changed; what a reload takes ends nothing.
STEPS = {
    "rabbitmq": DRAINED,
    "memcached": RENEWED,
    "keystone": DRAINED,
    "glance": DRAINED,
    "placement": DRAINED,
    "swift.proxy": RENEWED,
    "haproxy": RENEWED,
    "keepalived": RENEWED,
}
# Of the storage nodes: proxies ask another replica, whether one is reloaded or starts.
STORAGE_STEPS = {"swift.storage": RENEWED}


class Round(NamedTuple):
    """What came of what was done to all nodes at once."""

    # What the deed returned.
    returns: object
    # The steps that were decided, by service that had its turn; `galera itself` are a system's own.
    steps: dict
    # How those fared who asked all the time.
    fared: dict


def going(lab, act):
    """Do something while clients ask; return the Round."""
    known = lab.inventory["credentials"]["keystone"]
    task = {key: known[key] for key in ("url", "user", "password")}
    lab.client.write(TASK, json.dumps(task), mode=0o600)
    source = Path(__file__).with_name("client.py")
    lab.client.write(CLIENT, source.read_text(encoding="utf-8"))
    lab.client.check(["rm", "-f", ENOUGH])
    steps = {}

    def hear(tag, said):
        if said["verdict"] not in RESTING:
            system, _, service = tag.split("/")[2].partition(".")
            # Keys that are due meanwhile are Keystone's own business, not its turn.
            subject = service if system == "turn" else f"{system} itself"
            steps.setdefault(subject, []).extend((said["verdict"], one) for one in said["nodes"])

    with ThreadPoolExecutor() as pool, lab.listen(DECISIONS, hear):
        argv = [PYTHON, CLIENT, TASK, ENOUGH]
        fared = pool.submit(lab.client.check, argv, timeout=LONGEST)
        try:
            returns = act()
        finally:
            lab.client.check(["touch", ENOUGH])
        return Round(returns, steps, json.loads(fared.result()))


def assert_in_turn(one, wanted, nodes, tell):
    """Each service went round once, one node after another."""
    for service, seen in one.steps.items():
        tell(f"{service}: {', '.join(' '.join(step) for step in seen)}")
    for service in wanted:
        steps, seen = wanted[service], one.steps.get(service, [])
        turns = [seen[at : at + len(steps)] for at in range(0, len(seen), len(steps))]
        assert [[step for step, _ in turn] for turn in turns] == [steps] * len(nodes), service
        assert [len({node for _, node in turn}) for turn in turns] == [1] * len(nodes), service
        assert {turn[0][1] for turn in turns} == set(nodes), service


def assert_fared(one, nodes, tell):
    """Everybody was answered, at the second attempt at the latest."""
    for why in one.fared["again"]:
        tell(f"asked again: {why}")
    assert one.fared["failed"] == []
    assert min(one.fared["answered"].values()) > len(nodes)


def outdated(lab, node):
    """Return the services of a node that run with something else than is on its disk."""
    said = lab.master.salt(node, "openstack_ha_turn.evidence")[node]
    return {service for service, seen in said.items() if seen["is_outdated"]}
