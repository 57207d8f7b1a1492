"""Leases: one owner at a time, no ring lost, and a dead owner's lease frees itself."""

import importlib.util
import json
import os
import subprocess
import tempfile
import threading
import time
import types

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from support import ROOT

NAME = "demo.galera"
TTL = 60


def load(cachedir):
    spec = importlib.util.spec_from_file_location(
        "lease_under_test", ROOT / "_runners/openstack_ha_lease.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.__opts__ = {"cachedir": str(cachedir)}
    return module


class Clock:
    """The clock of the boot, set by hand."""

    def __init__(self, module):
        self.now = 1_000.0
        module.time = types.SimpleNamespace(monotonic=lambda: self.now)


@pytest.fixture
def lease(tmp_path):
    return load(tmp_path)


@pytest.fixture
def clock(lease):
    return Clock(lease)


def test_a_held_lease_is_nobody_elses_until_it_is_given_back(lease):
    token = lease.acquire(NAME, TTL)
    assert lease.acquire(NAME, TTL) is None
    assert lease.release(NAME, token)
    assert lease.acquire(NAME, TTL) not in (None, token)


def test_who_waits_gets_a_turn_although_it_never_stops_ringing(lease):
    lease.POLL = 0.01
    has_begun, is_over = threading.Event(), threading.Event()

    def ringing():
        has_begun.set()
        if not is_over.is_set():
            lease.acquire(NAME, TTL)
        return {"again": None}

    owner = threading.Thread(target=lease.look_until_done, args=(NAME, ringing))
    owner.start()
    try:
        assert has_begun.wait(20)
        assert lease.look_until_done(NAME, lambda: {"again": None}, patience=20) is not None
    finally:
        is_over.set()
        owner.join()


def test_who_does_not_wait_leaves_it_to_the_owner(lease):
    assert lease.acquire(NAME, TTL)
    assert lease.look_until_done(NAME, lambda: {"again": None}) is None


def test_a_lease_of_a_process_that_ended_is_free(lease):
    ended = subprocess.Popen(["true"])
    ended.wait()
    for fact in ({"pid": ended.pid}, {"started": 1}):
        token = lease.acquire(NAME, TTL)
        with lease._lease(NAME) as held:
            held.update(fact)
        assert lease.acquire(NAME, TTL) not in (None, token)
        with lease._lease(NAME) as held:
            held.clear()


def test_a_lease_of_a_process_that_nobody_has_waited_for_is_free(lease):
    zombie = subprocess.Popen(["true"])
    os.waitid(os.P_PID, zombie.pid, os.WEXITED | os.WNOWAIT)
    token = lease.acquire(NAME, TTL)
    with lease._lease(NAME) as held:
        held.update(pid=zombie.pid)
    assert lease.acquire(NAME, TTL) not in (None, token)
    zombie.wait()


def test_a_lease_of_another_boot_is_nobodys(lease, tmp_path):
    token = lease.acquire(NAME, TTL)
    (file,) = tmp_path.rglob(f"{NAME}.json")
    kept = json.loads(file.read_text(encoding="utf-8"))
    file.write_text(json.dumps({**kept, "boot": "another"}), encoding="utf-8")
    assert lease.show(NAME) == {}
    assert lease.acquire(NAME, TTL) not in (None, token)


def test_a_clock_that_is_set_changes_no_lease(lease, monkeypatch):
    monkeypatch.setattr(time, "time", lambda: 4e9)
    token = lease.acquire(NAME, TTL)
    monkeypatch.setattr(time, "time", lambda: 0.0)
    assert lease.acquire(NAME, TTL) is None
    assert lease.renew(NAME, token, TTL) == 2


def test_a_lease_is_read_and_written_under_its_files_lock(lease, monkeypatch):
    locks = []
    monkeypatch.setattr(lease.fcntl, "flock", lambda handle, how: locks.append(how))
    lease.acquire(NAME, TTL)
    assert locks == [lease.fcntl.LOCK_EX]


def test_leases_of_other_names_are_free(lease):
    assert lease.acquire(NAME, TTL)
    assert lease.acquire("demo/galera", TTL)
    assert lease.acquire("other", TTL)


def test_a_dead_owners_lease_frees_itself_and_is_lost_to_it(lease, clock):
    dead = lease.acquire(NAME, TTL)
    clock.now += TTL
    heir = lease.acquire(NAME, TTL)
    assert heir
    assert lease.renew(NAME, dead, TTL) is None
    assert lease.release(NAME, dead), "there is nothing left to look after"
    assert lease.renew(NAME, heir, TTL) is not None


def test_a_renewed_lease_counts_from_then_on(lease, clock):
    token = lease.acquire(NAME, TTL)
    clock.now += TTL - 1
    lease.renew(NAME, token, TTL)
    clock.now += TTL - 1
    assert lease.acquire(NAME, TTL) is None


def test_a_ring_while_it_is_held_keeps_it(lease):
    token = lease.acquire(NAME, TTL)
    rings = lease.renew(NAME, token, TTL)
    lease.acquire(NAME, TTL)
    assert not lease.release(NAME, token, rings)
    assert lease.release(NAME, token, lease.renew(NAME, token, TTL))


def test_a_lease_outlives_the_master(lease, tmp_path):
    token = lease.acquire(NAME, TTL)
    restarted = load(tmp_path)
    assert restarted.acquire(NAME, TTL) is None
    assert restarted.renew(NAME, token, TTL) == 2


def test_show_tells_of_it_and_rings_nothing(lease):
    assert lease.show(NAME) == {}
    token = lease.acquire(NAME, TTL)
    assert lease.show(NAME) == lease.show(NAME)
    assert (lease.show(NAME)["owner"], lease.show(NAME)["rings"]) == (token, 1)


def test_a_look_of_before_is_of_use_while_nobody_has_been_at_it_since(lease, clock):
    begun = clock.now
    clock.now += 1
    assert lease.step_over(NAME, begun, lambda: "done") == "done"
    # Its own step counts as well.
    assert lease.step_over(NAME, begun, lambda: "done") is None
    clock.now += 1
    assert lease.step_over(NAME, clock.now, lambda: False) is False


def test_a_look_of_before_is_of_no_use_while_somebody_is_at_it(lease, clock):
    token = lease.acquire(NAME, TTL)
    assert lease.step_over(NAME, clock.now, lambda: "done") is None
    assert lease.show(NAME)["rings"] == 1, "who is at it need not look again for that"
    assert lease.release(NAME, token)


def test_a_look_of_before_an_owners_death_is_of_no_use(lease, clock):
    lease.acquire(NAME, TTL)
    clock.now += TTL
    assert lease.step_over(NAME, clock.now, lambda: "done") is None


def test_who_rings_during_a_step_over_a_look_is_not_forgotten(lease, clock):
    def step():
        assert lease.acquire(NAME, TTL) is None
        return "done"

    clock.now += 1
    assert lease.step_over(NAME, clock.now, step) is False
    assert lease.show(NAME)["owner"] is None


class Owners(RuleBasedStateMachine):
    """Runners that ring, look, die and come back late, against what the lease has to promise."""

    def __init__(self):
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.lease = load(self.folder.name)
        self.clock = Clock(self.lease)
        self.tokens = []
        self.expires = 0.0
        # Whether somebody rang whom nobody has looked for since, and what the owner has counted.
        self.is_rung = False
        self.counted = None

    def teardown(self):
        self.folder.cleanup()

    def is_held(self):
        return self.expires > self.clock.now

    @rule(seconds=st.sampled_from([1, TTL - 1, TTL]))
    def time_passes(self, seconds):
        self.clock.now += seconds

    @rule()
    def ring(self):
        token = self.lease.acquire(NAME, TTL)
        self.is_rung = True
        assert (token is None) == self.is_held()
        if token:
            assert token not in self.tokens
            self.tokens.append(token)
            self.expires = self.clock.now + TTL
            self.counted = None

    @precondition(lambda self: self.tokens)
    @rule()
    def the_owner_looks(self):
        """It renews first: what rings from then on is not in what it sees."""
        self.counted = self.lease.renew(NAME, self.tokens[-1], TTL)
        if self.counted is None:
            assert not self.expires, "it has given the lease back"
        else:
            self.expires = self.clock.now + TTL
            self.is_rung = False

    @precondition(lambda self: self.counted is not None)
    @rule()
    def the_owner_goes(self):
        gone = self.lease.release(NAME, self.tokens[-1], self.counted)
        assert gone is not self.is_rung
        if gone:
            self.expires, self.counted = 0.0, None

    @precondition(lambda self: len(self.tokens) > 1)
    @rule(data=st.data())
    def a_former_owner_wakes_up(self, data):
        token = data.draw(st.sampled_from(self.tokens[:-1]))
        before = self.lease.show(NAME)
        assert self.lease.renew(NAME, token, TTL) is None
        assert self.lease.release(NAME, token)
        assert self.lease.show(NAME) == before

    @invariant()
    def the_lease_knows_until_when(self):
        assert self.lease.show(NAME).get("expires", 0) == self.expires


TestOwners = Owners.TestCase
TestOwners.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)


def test_threads_are_never_two_owners_and_all_that_was_rung_for_is_done(lease):
    count, rounds = 8, 15
    orders, done, inside, most = set(), set(), [], []
    start = threading.Barrier(count)

    def answer():
        """What a runner does: look until nobody has rung since the look began."""
        token = lease.acquire(NAME, TTL)
        if not token:
            return
        inside.append(token)
        while True:
            rings = lease.renew(NAME, token, TTL)
            most.append(len(inside))
            done.update(orders.copy())
            inside.remove(token)
            if lease.release(NAME, token, rings):
                return
            inside.append(token)

    def client(number):
        start.wait()
        for turn in range(rounds):
            orders.add((number, turn))
            answer()

    threads = [threading.Thread(target=client, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(most) == 1
    assert len(done) == count * rounds
    assert lease.show(NAME)["rings"] == count * rounds
    assert not lease.show(NAME)["owner"]


def test_nobody_is_no_owner(lease):
    token = lease.acquire("one", 60)
    lease.release("one", token)
    assert lease.renew("one", None, 60) is None
    assert lease.acquire("one", 60)


def test_a_cut_file_is_nobodys(lease, tmp_path):
    assert lease.acquire("one", 60)
    (file,) = tmp_path.rglob("one.json")
    file.write_text('{"owner": "so', encoding="utf-8")
    assert lease.acquire("one", 60)
