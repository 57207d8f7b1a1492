"""Spreading: which ring goes where, what waits, and what is refused."""

import openstack_ha_swift_ring_plan as planner
import openstack_ha_swift_spread as spreading
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

MACHINES = 200
NODES = ["sto1", "sto2", "sto3", "prx1"]
CLUSTER = {"name": "demo", "owner": "sto1", "nodes": NODES, "rings": ["object"]}


def facts(version, md5=None):
    md5 = md5 or f"ring{version}"
    return {"version": version, "md5": md5, "builder_md5": f"builder of {md5}"}


def said(served=None, built=None, known=(), **more):
    evidence = {
        "is_owner": built is not None,
        "unready": None,
        "hash_path": "a",
        "served": {"object": {"md5": served["md5"], "version": served["version"]}}
        if served
        else {},
        "built": {"object": {**built, "known": list(known)}} if built else {},
        "receipts": {},
    }
    return {**evidence, **more}


class Look:
    """Four nodes that serve version 1, whose owner has version 2; a test edits what differs."""

    def __init__(self):
        self.found = {node: said(facts(1)) for node in NODES}
        self.found["sto1"] = said(facts(1), facts(2), ["ring1"])
        self.spread = {"object": facts(1)}
        self.copies = {"object": {f"builder of ring{one}": f"ring{one}" for one in (1, 2)}}

    def decide(self):
        found = spreading.answers(self.found)
        return spreading.decide(CLUSTER, found, self.spread, self.copies)


@pytest.fixture
def look():
    return Look()


def verdict(decision):
    return decision["verdict"], decision["rings"].get("object") or decision["nodes"]


def test_a_new_ring_goes_to_every_node(look):
    assert verdict(look.decide()) == ("push", NODES)


def test_nothing_goes_out_before_the_master_has_a_copy(look):
    look.copies = {"object": {"builder of ring1": "ring1"}}
    assert verdict(look.decide()) == ("keep", ["sto1"])


def test_all_is_settled_when_every_node_has_it(look):
    for one in look.found.values():
        one["served"] = {"object": {"md5": "ring2", "version": 2}}
    assert verdict(look.decide()) == ("settled", [])
    assert spreading.live(CLUSTER, look.found, look.spread) == {"object": facts(2)}
    receipts = spreading.receipts(CLUSTER, look.found, look.spread, look.copies)
    assert receipts["object"]["lacking"] == []


def test_a_node_that_is_down_holds_nobody_up_and_is_waited_for(look):
    look.found["sto3"] = None
    assert verdict(look.decide()) == ("push", ["sto1", "sto2", "prx1"])
    for node in ("sto1", "sto2", "prx1"):
        look.found[node]["served"] = {"object": {"md5": "ring2", "version": 2}}
    assert verdict(look.decide()) == ("wait", ["sto3"])
    assert spreading.live(CLUSTER, look.found, look.spread) == {}
    receipts = spreading.receipts(CLUSTER, look.found, look.spread, look.copies)
    assert receipts["object"]["lacking"] == ["sto3"]


def test_a_node_without_swift_gets_no_ring(look):
    look.found["prx1"]["unready"] = "Swift is not installed"
    assert verdict(look.decide()) == ("push", ["sto1", "sto2", "sto3"])


def test_an_answer_of_an_older_module_is_no_evidence(look):
    look.found["sto1"] = {"lacks": "openstack_ha_swift.evidence"}
    assert verdict(look.decide()) == ("wait", ["sto1"])


@pytest.mark.parametrize("version", [1, 2, 30])
def test_a_builder_that_does_not_know_what_serves_is_refused_whatever_its_version(look, version):
    look.found["sto1"] = said(facts(1), facts(version, "other"))
    look.copies["object"]["builder of other"] = "other"
    decision = look.decide()
    assert verdict(decision) == ("refuse", ["sto1"])
    assert "`salt-run openstack_ha_swift.restore demo object`" in decision["way_out"]
    assert spreading.receipts(CLUSTER, look.found, look.spread, look.copies) == {}


def test_the_same_is_seen_by_a_master_that_remembers_nothing(look):
    look.found["sto1"] = said(facts(1), facts(30, "other"))
    look.spread, look.copies = {}, {"object": {"builder of other": "other"}}
    look.found["prx1"]["served"] = {}
    assert look.decide()["verdict"] == "refuse"


def test_a_lost_builder_is_refused_and_a_wiped_node_gets_the_ring_all_the_same(look):
    look.found["sto1"] = said(facts(1), is_owner=True)
    look.found["sto3"] = said()
    assert verdict(look.decide()) == ("push", ["sto3"])
    look.found["sto3"] = said(facts(1))
    decision = look.decide()
    assert verdict(decision) == ("refuse", ["sto1"]) and "lost" in decision["why"]


def test_a_wiped_node_gets_the_ring_while_the_owner_is_down(look):
    look.found.update(sto1=None, sto3=said())
    assert verdict(look.decide()) == ("push", ["sto3"])
    look.found["sto3"] = said(facts(1))
    assert verdict(look.decide()) == ("wait", ["sto1"])


def test_an_older_ring_that_the_owner_has_restored_is_spread(look):
    look.spread = {"object": facts(2)}
    look.found = {node: said(facts(2)) for node in NODES}
    look.found["sto1"] = said(facts(2), facts(1), ["ring1", "ring2"])
    assert verdict(look.decide()) == ("push", NODES)


def test_a_node_with_a_ring_of_another_builder_is_refused_and_the_others_are_served(look):
    look.found["sto3"] = said(facts(9, "other"))
    assert verdict(look.decide()) == ("push", ["sto1", "sto2", "prx1"])
    for node in ("sto1", "sto2", "prx1"):
        look.found[node]["served"] = {"object": {"md5": "ring2", "version": 2}}
    assert verdict(look.decide()) == ("refuse", ["sto3"])


def test_a_node_that_missed_a_restore_has_a_ring_of_the_masters_copies(look):
    look.found["sto3"] = said(facts(9))
    look.copies["object"]["builder of ring9"] = "ring9"
    assert verdict(look.decide()) == ("push", NODES)


def test_a_broken_ring_file_is_replaced(look):
    look.found["sto3"] = said({"md5": "half", "version": None})
    assert verdict(look.decide()) == ("push", NODES)


def test_two_owners_are_refused(look):
    look.found["sto2"]["is_owner"] = True
    assert verdict(look.decide()) == ("refuse", ["sto2"])


def test_different_hash_paths_are_refused(look):
    look.found["sto2"]["hash_path"] = "b"
    assert look.decide()["verdict"] == "refuse"


def test_a_new_cluster_waits_for_its_owner(look):
    look.found = {node: said() for node in NODES}
    look.found["sto1"]["is_owner"], look.spread = True, {}
    assert verdict(look.decide()) == ("wait", ["sto1"])


def test_a_refused_ring_does_not_hold_up_the_others():
    cluster = {**CLUSTER, "rings": ["account", "object"]}
    found = {node: said(facts(1)) for node in NODES}
    found["sto1"] = said(facts(1), facts(9, "other"))
    found["sto1"]["built"]["account"] = {**facts(1, "account1"), "known": []}
    copies = {
        "account": {"builder of account1": "account1"},
        "object": {"builder of ring1": "ring1"},
    }
    decision = spreading.decide(cluster, found, {"object": facts(1)}, copies)
    assert (decision["verdict"], decision["rings"]) == ("push", {"account": NODES})


def test_moves_wait_for_the_masters_copy_and_for_every_node():
    waits = planner._spread_waits("object", None, "force")
    assert "no copy" in waits[0]["reason"]
    (wait,) = planner._spread_waits("object", {"lacking": ["sto3"]}, "force")
    assert "sto3 does not have" in wait["reason"]
    assert planner._spread_waits("object", {"lacking": []}, "force") == []


def test_a_device_that_fills_is_told_before_it_refuses():
    served = {"object": {"md5": "ring1", "version": 1}}
    quiet = {"served": served, "unready": None, "unmounted": [], "errors": {}, "figures": None}
    replies = {node: {**quiet, "used": {"sdb": 84}, "nearly_full": 85} for node in NODES}
    record = {"spread": {"object": facts(1)}}
    assert spreading.assess(CLUSTER, replies, record, 0)["faults"] == []
    replies["sto2"]["used"] = {"sdb": 84, "sdc": 85}
    found = spreading.assess(CLUSTER, replies, record, 0)
    assert found["verdict"] == "degraded"
    assert found["faults"] == [
        "sto2: sdc is 85 % full, and takes nothing any more at 99 %: more devices in the "
        "pillar's storage:devices make room"
    ]


def test_a_node_with_an_older_module_is_told_from_one_that_is_well():
    served = {"object": {"md5": "ring1", "version": 1}}
    quiet = {"served": served, "unready": None, "unmounted": [], "errors": {}, "figures": None}
    replies = {node: {**quiet, "used": {}, "nearly_full": 85} for node in NODES}
    del replies["sto2"]["nearly_full"]
    found = spreading.assess(CLUSTER, replies, {"spread": {"object": facts(1)}}, 0)
    assert found["faults"] == [
        "sto2: answered with less than is asked for: `salt sto2 saltutil.sync_all`"
    ]


class Machine(RuleBasedStateMachine):
    """
    A ring's life: saved, restored and lost builders, nodes and masters that go and come back.

    Each ring remembers its ancestors, so that one can be told that no builder of the first made.
    """

    def __init__(self):
        super().__init__()
        self.count = 0
        self.is_lost = False
        self.built = self.new([])
        self.history = []
        self.served = {}
        self.down = set()
        self.spread, self.copies = {}, {}

    def new(self, ancestors):
        self.count += 1
        ring = {"md5": f"r{self.count}", "ancestors": [*ancestors, f"r{self.count}"]}
        return {**ring, "version": len(ring["ancestors"]), "builder_md5": f"b{self.count}"}

    def found(self):
        found = {node: said(self.served.get(node)) for node in NODES}
        built = {key: self.built[key] for key in ("version", "md5", "builder_md5")}
        known = [ring["md5"] for ring in self.history]
        found["sto1"] = said(self.served.get("sto1"), built, known)
        return {node: None if node in self.down else one for node, one in found.items()}

    @rule(node=st.sampled_from(NODES))
    def node_goes_or_comes(self, node):
        self.down ^= {node}

    @rule(node=st.sampled_from(NODES))
    def node_is_wiped(self, node):
        self.served.pop(node, None)

    @rule()
    def builder_is_saved(self):
        self.history.append(self.built)
        self.built = self.new(self.built["ancestors"])

    @precondition(lambda self: self.history)
    @rule(data=st.data())
    def builder_is_restored(self, data):
        self.history.append(self.built)
        self.built = data.draw(st.sampled_from(self.history))

    @precondition(lambda self: self.spread)
    @rule(steps=st.integers(0, 5))
    def builder_is_lost_and_made_anew(self, steps):
        """With any number of changes, so that its version says nothing."""
        self.is_lost = True
        self.built, self.history = self.new([]), []
        for _ in range(steps):
            self.builder_is_saved()

    @precondition(lambda self: self.is_lost)
    @rule()
    def master_gives_its_copy_back(self):
        self.is_lost = False
        self.built = self.copies[self.spread["object"]["builder_md5"]]
        self.history = []

    @rule()
    def master_looks(self):
        for _ in range(5):
            found, copies = (
                self.found(),
                {"object": {md5: ring["md5"] for md5, ring in self.copies.items()}},
            )
            decision = spreading.decide(CLUSTER, found, self.spread, copies)
            if decision["verdict"] == "keep":
                self.copies[self.built["builder_md5"]] = self.built
            elif decision["verdict"] == "push":
                target = spreading.targets(CLUSTER, found, self.spread)["object"]["facts"]
                self.spread = {"object": target}
                for node in decision["nodes"]:
                    self.served[node] = self.copies[target["builder_md5"]]
            else:
                break
        else:
            raise AssertionError(f"does not come to rest: {decision}")
        if not self.down:
            md5s = {ring["md5"] for ring in self.served.values()}
            assert len(md5s) <= 1 or decision["verdict"] == "refuse"
            assert decision["verdict"] == ("refuse" if self.is_lost else "settled")

    @invariant()
    def every_node_has_a_ring_of_the_first_builder(self):
        assert all(ring["ancestors"][0] == "r1" for ring in self.served.values())


Machine.TestCase.settings = settings(max_examples=MACHINES, stateful_step_count=40, deadline=None)
TestMachine = Machine.TestCase
