"""Services of Nova that hang, on the real engine, over simulated nodes that share one database."""

import openstack_ha_nova_progress as progress
import pytest
from runners import Master
from test_nova_runner import ANSWER, COMPUTE, CONTROLLERS, ROUND, Novas, with_machines

# Seconds between looks; each of the schedule's would take its time here.
SCHEDULE = 60
# Beyond that a service that hangs has been restarted.
LONG = progress.STALLED + progress.PATIENCE + 2 * SCHEDULE
CTL1, CTL2 = ("ctl1", "nova-conductor"), ("ctl2", "nova-conductor")
CMP1 = ("cmp1", "nova-compute")


class Hanging(Novas):
    """
    Services that report at each look, but those of ``hung``. ``incurable`` hang again after a
    restart, and ``started`` are those that are active, with the start of each.
    """

    def __init__(self):
        super().__init__()
        self.clock = None
        self.hung, self.incurable, self.reported, self.restarted = set(), set(), {}, []
        named = [
            (one, unit) for one in CONTROLLERS for unit in ("nova-conductor", "nova-scheduler")
        ]
        named += [(one, unit) for one in COMPUTE for unit in progress.BY_MESSAGE]
        self.all, self.started = named, {}

    def begin(self, clock):
        self.clock = clock
        self.started = dict.fromkeys(self.all, clock.now - 9999)
        self.reported = dict.fromkeys(self.all, clock.now)
        self.register(*COMPUTE)

    def services(self):
        now = self.clock.now
        self.reported.update(dict.fromkeys(set(self.started) - self.hung, now))
        return [
            {
                "binary": unit,
                "host": node,
                "is_forced_down": False,
                "silent_for": int(now - self.reported[node, unit]),
            }
            for node, unit in self.all
        ]

    def units(self, node):
        now = self.clock.now
        return {
            unit: {"started": int(began * 10**6), "active_for": int(now - began)}
            for (one, unit), began in self.started.items()
            if one == node
        }

    def restart(self, node, unit, started):
        name = (node, unit)
        assert int(self.started[name] * 10**6) == started
        self.restarted.append(name)
        self.started[name] = self.clock.now
        self.hung -= {name} - self.incurable
        return {}


@pytest.fixture
def master(tmp_path):
    made = Master(tmp_path, Hanging(), with_machines())
    made.nodes.begin(made.clock)
    made.run(ANSWER, *ROUND)
    return made


def looks(master, seconds):
    """Have the schedule look for some time; each doorbell is answered."""
    for _ in range(seconds // SCHEDULE):
        master.clock.now += SCHEDULE
        master.run(ANSWER, *ROUND)


def kept(master):
    return master.record("demo.nova.progress")


def verdict(master):
    return kept(master)["decision"]["verdict"]


def test_one_that_hangs_is_restarted_once_and_reports(master):
    nodes = master.nodes
    nodes.hung = {CTL1}
    looks(master, progress.STALLED)
    assert nodes.restarted == []
    looks(master, LONG - progress.STALLED)
    assert nodes.restarted == [CTL1]
    looks(master, LONG)
    assert nodes.restarted == [CTL1]
    assert verdict(master) == "settled"
    assert (kept(master)["stalled"], kept(master)["restarted"]) == ({}, {})


def test_one_that_catches_up_is_left_alone(master):
    nodes = master.nodes
    nodes.hung = {CTL1, CMP1}
    looks(master, progress.STALLED + progress.PATIENCE)
    assert verdict(master) == "wait"
    nodes.hung = set()
    looks(master, 2 * SCHEDULE)
    assert nodes.restarted == []


def test_one_that_stays_silent_is_restarted_once_and_is_a_persons(master):
    nodes = master.nodes
    nodes.hung = nodes.incurable = {CMP1}
    looks(master, 2 * LONG)
    assert nodes.restarted == [CMP1]
    assert verdict(master) == "refuse"
    assert "refuse" not in {word for _, word in nodes.heard}, "nobody waits for it"
    nodes.hung, nodes.incurable = set(), set()
    looks(master, SCHEDULE)
    assert verdict(master) == "settled"


def test_all_that_hang_are_restarted_one_after_another(master):
    nodes = master.nodes
    nodes.hung = {CTL1, CTL2}
    looks(master, 2 * LONG)
    assert nodes.restarted == [CTL1, CTL2]


def test_what_hangs_while_nobody_reports_waits_for_somebody_who_does(master):
    nodes = master.nodes
    nodes.hung = {(node, unit) for node in COMPUTE for unit in progress.BY_MESSAGE}
    looks(master, LONG)
    assert nodes.restarted == []
    nodes.hung = {CMP1}
    looks(master, progress.PATIENCE)
    assert nodes.restarted == []
    looks(master, 2 * SCHEDULE)
    assert nodes.restarted == [CMP1]


def test_a_restart_that_fails_is_told_and_taken_again(master):
    nodes = master.nodes
    nodes.hung, nodes.broken = {CTL1}, {"ctl1"}
    looks(master, LONG)
    assert nodes.restarted == []
    assert "ctl1 has no room" in kept(master)["failures"]["ctl1"]
    nodes.broken = set()
    looks(master, SCHEDULE)
    assert nodes.restarted == [CTL1]


def test_a_node_that_is_silent_meanwhile_is_not_restarted_again(master):
    nodes = master.nodes
    nodes.hung = nodes.incurable = {CMP1}
    looks(master, LONG)
    assert nodes.restarted == [CMP1]
    nodes.silent = {"cmp1"}
    looks(master, LONG)
    nodes.silent = set()
    looks(master, LONG)
    assert nodes.restarted == [CMP1]
    assert verdict(master) == "refuse"


def test_what_a_person_has_stopped_stays_so(master):
    nodes = master.nodes
    nodes.hung = {CTL1}
    del nodes.started[CTL1]
    looks(master, LONG)
    assert nodes.restarted == []
