"""Who may hold the VIP: on the real engine, and by the rule alone, over simulated keepalives."""

import random

import openstack_ha_keepalived
import openstack_ha_keepalived_rule as rule
import pytest
from runners import Master, Nodes
from support import example

ADDRESS = {f"ctl{number}": f"172.29.80.1{number}" for number in (1, 2, 3, 4)}
ROUND = ("demo", "keepalived")
ANSWER = "openstack_ha_coordinator.answer"


class Keepers(Nodes):
    """Controllers with the peers on their disks, and those that each runs with."""

    def __init__(self, names):
        super().__init__(tuple(names))
        self.disk, self.running = {}, {}
        self.confirmed = set()

    def configure(self, node, *others):
        """A highstate by a cluster file with these others."""
        self.disk[node] = sorted(ADDRESS[other] for other in others)

    def start(self, node):
        """Its state or a boot, when it may, or a reload."""
        if node in self.confirmed or node in self.running:
            self.running[node] = self.disk[node]
        return node in self.running

    def evidence(self, node):
        runs = self.running.get(node)
        return {
            "is_ready": node in self.disk,
            "is_running": runs is not None,
            "knows": None if runs not in (None, self.disk.get(node)) else self.disk.get(node, []),
            "is_confirmed": node in self.confirmed,
        }

    def confirm(self, node):
        self.confirmed.add(node)
        return {"is_confirmed": True}

    def strangers(self):
        """Pairs that run of which one takes the other's adverts for nobody's."""
        return [
            (node, other)
            for node, peers in self.running.items()
            for other in self.running
            if other != node and ADDRESS[other] not in peers
        ]


def master_of(folder, names=("ctl1", "ctl2", "ctl3")):
    cluster = example()
    cluster["allow_even_controllers"] = True
    cluster["nodes"] = {name: {"address": ADDRESS[name], "roles": ["controller"]} for name in names}
    return Master(folder, Keepers(names), cluster)


@pytest.fixture
def master(tmp_path):
    return master_of(tmp_path)


@pytest.fixture
def grown(master):
    """Two have run for long, and the file has a third one."""
    nodes = master.nodes
    for node, other in (("ctl1", "ctl2"), ("ctl2", "ctl1")):
        nodes.configure(node, other)
        nodes.running[node] = nodes.disk[node]
        nodes.confirm(node)
    nodes.configure("ctl3", "ctl1", "ctl2")
    return master


def answer(master):
    return master.run(ANSWER, *ROUND)


def verdicts(master):
    return [one["verdict"] for one in answer(master)]


def test_the_first_ones_start_as_soon_as_they_are_configured(master):
    nodes = master.nodes
    (decision,) = answer(master)
    assert (decision["verdict"], decision["why"]) == ("settled", "nobody may start yet")
    nodes.silent = set(nodes.names)
    (decision,) = answer(master)
    assert decision["verdict"] == "wait" and "ctl1, ctl2, ctl3 did not answer" in decision["why"]
    nodes.silent = set()
    nodes.configure("ctl2", "ctl1", "ctl3")
    assert verdicts(master) == ["confirm", "settled"]
    assert nodes.start("ctl2")
    for node, others in (("ctl1", ("ctl2", "ctl3")), ("ctl3", ("ctl1", "ctl2"))):
        nodes.configure(node, *others)
    assert verdicts(master) == ["confirm", "confirm", "settled"]
    assert nodes.start("ctl1") and nodes.start("ctl3") and not nodes.strangers()
    nodes.silent = {"ctl3"}
    (decision,) = answer(master)
    assert (decision["verdict"], decision["why"]) == (
        "settled",
        "ctl1, ctl2 may hold the VIP, and know each other, ctl3 did not answer",
    )


def test_a_new_one_waits_until_all_that_run_have_taken_it_up(grown):
    nodes = grown.nodes
    (decision,) = answer(grown)
    assert decision["verdict"] == "wait"
    assert decision["why"] == "ctl1, ctl2 may hold the VIP and does not know ctl3 yet"
    nodes.configure("ctl1", "ctl2", "ctl3")
    assert verdicts(grown) == ["wait"], "it lies on the disk only"
    nodes.start("ctl1")
    (decision,) = answer(grown)
    assert decision["why"] == "ctl2 may hold the VIP and does not know ctl3 yet"
    assert not nodes.start("ctl3")
    nodes.configure("ctl2", "ctl1", "ctl3")
    nodes.start("ctl2")
    assert verdicts(grown) == ["confirm", "settled"]
    assert nodes.start("ctl3") and not nodes.strangers()
    assert [verdict for node, verdict in nodes.heard if node == "ctl3"][:2] == ["wait", "wait"]


def test_a_silent_one_may_hold_the_vip(grown):
    nodes = grown.nodes
    nodes.silent = {"ctl2"}
    nodes.configure("ctl1", "ctl2", "ctl3")
    nodes.start("ctl1")
    (decision,) = answer(grown)
    assert decision["verdict"] == "wait"
    assert decision["why"] == (
        "ctl2 did not answer; a dead one leaves: `salt-run openstack_ha.leave demo ctl2`"
    )


def test_a_silent_one_that_knew_it_holds_nobody_up(grown):
    nodes = grown.nodes
    for node, other in (("ctl1", "ctl2"), ("ctl2", "ctl1")):
        nodes.configure(node, other, "ctl3")
        nodes.start(node)
    verdicts(grown)
    nodes.silent = {"ctl2"}
    nodes.confirmed.remove("ctl3")
    assert verdicts(grown) == ["confirm", "settled"]


def test_one_that_waits_beside_another_new_one_knows_it_too(tmp_path):
    """ctl3 was configured before the file had ctl4, and is let in first."""
    master = master_of(tmp_path, ("ctl3", "ctl4"))
    nodes = master.nodes
    nodes.configure("ctl3")
    assert verdicts(master) == ["confirm", "settled"]
    nodes.configure("ctl4", "ctl3")
    assert verdicts(master) == ["wait"], "ctl3 may start at any moment"
    nodes.configure("ctl3", "ctl4")
    assert verdicts(master) == ["confirm", "settled"]
    assert nodes.start("ctl3") and nodes.start("ctl4") and not nodes.strangers()


def test_two_that_run_and_do_not_know_each_other_are_a_persons(grown):
    nodes = grown.nodes
    nodes.running["ctl3"] = nodes.disk["ctl3"]
    (decision,) = answer(grown)
    assert (decision["verdict"], decision["nodes"]) == ("refuse", ["ctl1", "ctl2"])
    assert decision["why"] == (
        "ctl1 runs keepalived and does not know ctl3; ctl2 runs keepalived and does not know ctl3, "
        "so both may hold the VIP"
    )
    assert "leaving.md, 'One does not know the other'" in decision["way_out"]
    assert (
        "`salt -L ctl1,ctl2 state.apply openstack_ha.keepalived queue=True`"
        in (decision["way_out"])
    )


def test_what_a_person_has_stopped_is_not_started(master):
    nodes = master.nodes
    for node in ("ctl1", "ctl2", "ctl3"):
        nodes.configure(node, *({"ctl1", "ctl2", "ctl3"} - {node}))
        nodes.running[node] = nodes.disk[node]
    # They have run before there was such a word.
    assert verdicts(master) == ["confirm", "confirm", "confirm", "settled"]
    assert verdicts(master) == ["settled"]
    del nodes.running["ctl2"]
    assert verdicts(master) == ["settled"] and "ctl2" not in nodes.running


@pytest.mark.parametrize("seed", range(100))
def test_in_whatever_order_highstates_come_no_two_run_as_strangers(seed):
    """From one controller to four, the file grows while highstates and silences come as they do."""
    chance, names, size, record = random.Random(seed), list(ADDRESS), 1, {}
    nodes = Keepers(names)
    for _ in range(100):
        size = min(len(names), size + (chance.random() < 0.1))
        inside = names[:size]
        nodes.silent = set(chance.sample(names, chance.randrange(2)))
        node = chance.choice(inside)
        if node not in nodes.silent:
            deed = chance.choice(("configure", "start", "start", "stop"))
            if deed == "configure":
                nodes.configure(node, *(other for other in inside if other != node))
            elif deed == "stop" and chance.random() < 0.3:
                nodes.running.pop(node, None)
            elif node in nodes.disk:
                nodes.start(node)
        record = decided(nodes, inside, record)
        assert not nodes.strangers()
    # Nothing stays in the way for good.
    nodes.silent = set()
    for _ in names:
        for node in names:
            nodes.configure(node, *(other for other in names if other != node))
            nodes.start(node)
        record = decided(nodes, names, record)
    assert all(nodes.start(node) for node in names) and not nodes.strangers()


def decided(nodes, names, record):
    """Carry out what the rule says, until it rests; return what is kept until the next time."""
    while True:
        case = {
            "name": "demo",
            "cluster": {"nodes": {name: {"address": ADDRESS[name]} for name in names}},
            "nodes": names,
            "found": {
                name: None if name in nodes.silent else nodes.evidence(name) for name in names
            },
            "records": {"": record},
        }
        (decision,) = rule.decide(case)
        record = rule.remember(case, decision)
        if decision["verdict"] != "confirm":
            return record
        for name in decision["nodes"]:
            nodes.confirm(name)


def test_peers_are_read_as_keepalived_reads_them():
    text = "vrrp_instance vip {\n    unicast_peer {\n        10.0.0.2\n        10.0.0.1\n    }\n}\n"
    assert openstack_ha_keepalived.peers(text) == ["10.0.0.1", "10.0.0.2"]
    assert openstack_ha_keepalived.peers("# unicast_peer {\n#  10.0.0.9\n# }\n") == []
