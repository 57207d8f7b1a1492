"""The election: each rule by name, and a machine of crashes that looks for a wrong word."""

import openstack_ha_galera_election as election
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

MEMBERS = ["ctl1", "ctl2", "ctl3"]
UUID = "5a1b2c3d-0000-11ee-9999-0123456789ab"
OTHER = "99999999-0000-11ee-9999-0123456789ab"
ZERO = "00000000-0000-0000-0000-000000000000"


def evidence(**more):
    """Of a stopped, configured server that has nothing to lose."""
    return {
        "is_ready": True,
        "server": "stopped",
        "is_outdated": False,
        "wsrep": None,
        "position": None,
        "safe_to_bootstrap": False,
        "last_view": None,
        "is_pristine": True,
        "is_receiving": False,
        **more,
    }


def stopped(seqno, uuid=UUID, **more):
    return evidence(is_pristine=False, position={"uuid": uuid, "seqno": seqno}, **more)


def running(status="Primary", local_state=4, uuid=UUID, **more):
    wsrep = {"cluster_status": status, "local_state": local_state, "state_uuid": uuid}
    return evidence(server="running", is_pristine=False, wsrep=wsrep, **more)


def decide(*found, floor=None, **more):
    more = {"has_restarted": True, "without_primary": 60, **more}
    return election.decide(MEMBERS, dict(zip(MEMBERS, found, strict=True)), floor, **more)


def word(decision):
    return decision["verdict"], decision["nodes"]


CASES = {
    "first install takes the first in the pillar's order": (
        [evidence(), evidence(), evidence()],
        ("bootstrap", ["ctl1"]),
    ),
    "first install waits for the first one's server": (
        [evidence(is_ready=False), evidence(), evidence()],
        ("wait", []),
    ),
    "first install does not wait for the others' servers": (
        [evidence(), evidence(is_ready=False), evidence(is_ready=False)],
        ("bootstrap", ["ctl1"]),
    ),
    "an unknown member may know better": ([evidence(), evidence(), None], ("wait", [])),
    "somebody is Primary, so the next one joins": (
        [running(), evidence(), evidence()],
        ("join", ["ctl2"]),
    ),
    "one joins at a time": (
        [running(), running(local_state=1), evidence()],
        ("wait", []),
    ),
    "a donor is not disturbed": ([running(local_state=2), evidence(), evidence()], ("wait", [])),
    "a joiner that starts is not disturbed": (
        [running(), evidence(server="starting"), evidence()],
        ("wait", []),
    ),
    "an unknown member does not keep others from joining": (
        [running(), None, stopped(5)],
        ("join", ["ctl3"]),
    ),
    "data of another cluster is not wiped": (
        [running(), stopped(9, OTHER), running()],
        ("refuse", ["ctl2"]),
    ),
    "a half received copy is not another cluster": (
        [running(), stopped(9, OTHER, is_receiving=True), running()],
        ("join", ["ctl2"]),
    ),
    "a lost grastate joins": ([running(), stopped(-1, ZERO), running()], ("join", ["ctl2"])),
    "everybody is Synced": ([running(), running(), running()], ("settled", [])),
    "two Primary components are refused": (
        [running(), running(uuid=OTHER), evidence()],
        ("refuse", []),
    ),
    "a new configuration is taken by one": (
        [running(), running(is_outdated=True), running(is_outdated=True)],
        ("renew", ["ctl2"]),
    ),
    "a new configuration waits for who is away": (
        [running(), running(is_outdated=True), None],
        ("wait", []),
    ),
    "the highest position wins": ([stopped(5), stopped(7), stopped(6)], ("bootstrap", ["ctl2"])),
    "numbers are compared as numbers": (
        [stopped(9), stopped(2**62), stopped(10)],
        ("bootstrap", ["ctl2"]),
    ),
    "a tie goes to the safe one": (
        [stopped(7), stopped(7, safe_to_bootstrap=True), stopped(6)],
        ("bootstrap", ["ctl2"]),
    ),
    "a tie without a safe one goes by order": (
        [stopped(6), stopped(7), stopped(7)],
        ("bootstrap", ["ctl2"]),
    ),
    "a stale safe flag does not win": (
        [stopped(5, safe_to_bootstrap=True), stopped(7), stopped(7)],
        ("bootstrap", ["ctl2"]),
    ),
    "a safe flag with seqno -1 does not win": (
        [stopped(-1, safe_to_bootstrap=True), stopped(7), stopped(7)],
        ("refuse", []),
    ),
    "a safe flag with a zero UUID does not win": (
        [stopped(3, ZERO, safe_to_bootstrap=True), stopped(7), stopped(7)],
        ("refuse", []),
    ),
    "different clusters are refused": (
        [stopped(5), stopped(7, OTHER), stopped(6)],
        ("refuse", []),
    ),
    "a wiped one does not count": ([evidence(), stopped(7), stopped(6)], ("bootstrap", ["ctl2"])),
    "a half received copy does not count": (
        [stopped(99, is_receiving=True), stopped(7), stopped(6)],
        ("bootstrap", ["ctl2"]),
    ),
    "a survivor without a Primary component stands down to be compared": (
        [running("non-Primary"), stopped(7), stopped(7)],
        ("stand_down", ["ctl1"]),
    ),
    "every survivor stands down before anybody starts": (
        [running("non-Primary"), stopped(7), running("non-Primary")],
        ("stand_down", ["ctl1", "ctl3"]),
    ),
    "who joins for ever without a Primary component stands down too": (
        [running("non-Primary"), evidence(), stopped(7, server="joining")],
        ("stand_down", ["ctl1", "ctl3"]),
    ),
    "who recovers its own data is left alone": (
        [running("non-Primary"), evidence(), stopped(7, server="starting")],
        ("wait", []),
    ),
    "who joins a Primary component is not disturbed": (
        [running(), evidence(), evidence(server="joining")],
        ("wait", []),
    ),
    "survivors stay while a member is unknown": (
        [running("non-Primary"), None, running("non-Primary")],
        ("wait", []),
    ),
    "a server outside the component is left to find it": (
        [running(), running(), running("non-Primary")],
        ("wait", []),
    ),
    "a server outside the component keeps nobody from joining": (
        [running(), stopped(7), running("non-Primary")],
        ("join", ["ctl2"]),
    ),
}


@pytest.mark.parametrize(("found", "expected"), CASES.values(), ids=CASES)
def test_rule(found, expected):
    assert word(decide(*found)) == expected


def test_a_cluster_that_was_is_never_installed_anew():
    decision = decide(evidence(), evidence(), evidence(), floor={"uuid": UUID, "seqno": 3})
    assert decision["verdict"] == "refuse"
    assert f"{UUID}:3" in decision["why"]


@pytest.mark.parametrize("floor", [{"uuid": UUID, "seqno": 8}, {"uuid": OTHER, "seqno": 1}])
def test_below_the_floor_is_refused(floor):
    assert decide(stopped(7), stopped(7), stopped(7), floor=floor)["verdict"] == "refuse"


def test_a_known_view_is_restarted_once():
    crashed = [stopped(7, last_view=["a", "b", "c"]) for _ in MEMBERS]
    assert word(decide(*crashed, has_restarted=False)) == ("restart", MEMBERS)
    assert word(decide(*crashed, has_restarted=True)) == ("bootstrap", ["ctl1"])


def test_survivors_have_time_to_find_each_other():
    found = [running("non-Primary"), running("non-Primary"), stopped(7)]
    assert word(decide(*found, without_primary=election.REUNION - 1)) == ("wait", [])
    assert decide(*found, without_primary=election.REUNION)["verdict"] == "stand_down"


CHOSEN = {
    "over an unknown member": ([stopped(5), stopped(4), None], ("bootstrap", ["ctl2"])),
    "over a higher position": ([stopped(5), stopped(4), stopped(6)], ("bootstrap", ["ctl2"])),
    "over another cluster's data": (
        [stopped(5, OTHER), stopped(4), stopped(6)],
        ("bootstrap", ["ctl2"]),
    ),
    "never over a Primary component": ([running(), stopped(4), None], ("join", ["ctl2"])),
    "after the others stand down": (
        [running("non-Primary"), stopped(4), None],
        ("stand_down", ["ctl1"]),
    ),
    "not without a known position": ([stopped(5), stopped(-1), stopped(6)], ("refuse", [])),
    "not without data": ([stopped(5), evidence(), stopped(6)], ("refuse", [])),
    "not when it does not answer": ([stopped(5), None, stopped(6)], ("refuse", [])),
}


@pytest.mark.parametrize(("found", "expected"), CHOSEN.values(), ids=CHOSEN)
def test_the_operators_choice(found, expected):
    assert word(decide(*found, chosen="ctl2")) == expected


class Cluster(RuleBasedStateMachine):
    """
    Servers that crash, stop, lose their disks and their words, and a master that obeys ``decide``.

    The model knows the truth: the writes that were acknowledged, and who holds them.
    """

    def __init__(self):
        super().__init__()
        self.data = dict.fromkeys(MEMBERS)
        self.component = set()
        self.outside = set()
        self.silent = set()
        self.safe = set()
        self.acknowledged = 0
        self.bootstraps = 0
        self.floor = None
        self.is_lost = False

    def _evidence(self):
        found = {}
        for name in MEMBERS:
            if name in self.silent:
                continue
            safe = name in self.safe
            if name in self.component:
                found[name] = running()
            elif name in self.outside:
                found[name] = running("non-Primary")
            elif self.data[name] is None:
                found[name] = evidence(safe_to_bootstrap=safe)
            else:
                found[name] = stopped(self.data[name], safe_to_bootstrap=safe)
        return found

    @rule(has_waited=st.booleans())
    def look_and_act(self, has_waited):
        found = self._evidence()
        decision = election.decide(
            MEMBERS,
            found,
            self.floor,
            has_restarted=True,
            without_primary=election.REUNION if has_waited else 0,
        )
        assert decision["why"]
        for name in decision["nodes"]:
            assert name in found
        if decision["verdict"] == "bootstrap":
            self._bootstrap(decision["nodes"], found)
        elif decision["verdict"] == "join":
            (name,) = decision["nodes"]
            assert self.component
            self.data[name] = self.acknowledged
            self.component.add(name)
        elif decision["verdict"] == "stand_down":
            assert has_waited and not self.component
            assert set(decision["nodes"]) == self.outside
            self.outside = set()
        elif decision["verdict"] == "settled":
            self.floor = {"uuid": UUID, "seqno": self.acknowledged}

    def _bootstrap(self, nodes, found):
        (name,) = nodes
        assert not self.component, "a bootstrap while a Primary component exists"
        assert not self.outside, "a bootstrap while another server could become Primary"
        assert set(found) == set(MEMBERS), "a bootstrap while a member is unknown"
        if self.data[name] is None:
            assert all(value is None for value in self.data.values()), "a first install over data"
            assert self.floor is None, "a first install of a cluster that was"
            self.data[name] = 0
            self.acknowledged = 0
        best = max(value for value in self.data.values() if value is not None)
        assert self.data[name] == best, "a loser's data was chosen"
        if not self.is_lost:
            assert self.data[name] == self.acknowledged, "an acknowledged write is lost"
        self.acknowledged = self.data[name]
        self.is_lost = False
        self.bootstraps += 1
        self.component = {name}

    @precondition(lambda self: self.component)
    @rule(count=st.integers(1, 5))
    def write(self, count):
        self.acknowledged += count
        for name in self.component:
            self.data[name] = self.acknowledged

    @rule(name=st.sampled_from(MEMBERS), is_clean=st.booleans())
    def leave(self, name, is_clean):
        if name in self.component:
            before = len(self.component)
            self.component.discard(name)
            if not is_clean and 2 * len(self.component) <= before:
                self.outside |= self.component
                self.component = set()
        self.outside.discard(name)

    @rule()
    def lose_power(self):
        self.component = set()
        self.outside = set()

    @rule()
    def heal(self):
        """Servers outside of a component that still exists find it again."""
        if self.component:
            for name in self.outside:
                self.data[name] = self.acknowledged
            self.component |= self.outside
            self.outside = set()

    @precondition(lambda self: len(self.component) > 1)
    @rule(name=st.sampled_from(MEMBERS))
    def cut_off(self, name):
        if name in self.component and 2 * (len(self.component) - 1) > len(self.component):
            self.component.discard(name)
            self.outside.add(name)

    @rule(name=st.sampled_from(MEMBERS))
    def wipe(self, name):
        self.component.discard(name)
        self.outside.discard(name)
        was = self.data[name]
        self.data[name] = None
        if was == self.acknowledged and self.acknowledged not in self.data.values():
            # The last copy is gone; no election can bring it back.
            self.is_lost = True

    @rule(name=st.sampled_from(MEMBERS))
    def fall_silent(self, name):
        self.silent ^= {name}

    @rule(name=st.sampled_from(MEMBERS))
    def flip_the_safe_flag(self, name):
        self.safe ^= {name}

    @invariant()
    def component_agrees(self):
        assert {self.data[name] for name in self.component} <= {self.acknowledged}


Cluster.TestCase.settings = settings(max_examples=100, stateful_step_count=30, deadline=None)
TestCluster = Cluster.TestCase
