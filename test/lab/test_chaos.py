"""
Random faults under load: nobody touches a keyboard, and nothing that was acknowledged is lost.

CHAOS_ROUNDS is the number of rounds (2, and 30 in `make chaos`); LAB_SEED repeats their faults.
CHAOS_FAULTS names faults to play instead, with commas.
"""

import os
import random
import time

import pytest
from chaos import faults, watch
from chaos.history import History
from chaos.run import Run
from chaos.scene import DATADIR

from lab import disk

# Megabytes of each server's disk: its files, what the run writes, and a second copy while a
# transfer comes in.
DISK = 1500


@pytest.fixture(scope="module")
def run(request, lab, nodes, serving, mended_once):
    """All the rounds, played."""
    reporter = request.config.pluginmanager.get_plugin("terminalreporter")
    reporter.ensure_newline()
    chance = random.Random(int(os.environ["LAB_SEED"]))
    rounds = int(os.environ.get("CHAOS_ROUNDS", "2"))
    chosen = os.environ.get("CHAOS_FAULTS")
    names = chosen.split(",") if chosen else faults.bag(chance, rounds)
    if faults.NEEDS_DISK & set(names):
        for node in map(lab.node, nodes):
            if not disk.is_installed(node):
                disk.install(node, DATADIR, DISK, ["mariadb.service"])
                node.stop()
                node.boot()
                serving()
    made = Run(lab, chance, History(reporter.write_line))
    made.play(names)
    return made


@pytest.fixture
def served(run):
    """The run, when its lab serves: else there is nothing to compare."""
    if run.failure:
        pytest.skip("the lab does not serve")
    return run


def test_every_round_ends_in_a_lab_that_serves(run, figure):
    figure("rounds", len(run.seconds))
    for part, told in run.slowest().items():
        figure(f"seconds until {part}", told)
    assert run.failure is None


def test_every_acknowledged_row_is_on_every_node(served, nodes, figure):
    wanted = served.load.acknowledged("rows")
    figure("acknowledged rows", len(wanted))
    assert wanted
    found = [served.load.rows(node) for node in nodes]
    assert wanted - found[0] == set()
    assert all(rows == found[0] for rows in found)


def test_every_confirmed_message_is_in_the_quorum_queue(served):
    wanted = served.load.acknowledged("quorum")
    assert wanted
    assert wanted - served.load.messages("quorum") == set()


def test_every_confirmed_message_is_in_the_mirrored_queue_where_rabbitmq_promises_it(served):
    lost = served.lost["mirrored"]
    excepted = set().union(*(lost.get(name, ()) for name in faults.EXCEPTED))
    wanted = served.load.acknowledged("mirrored") - excepted
    assert wanted
    assert wanted - served.load.messages("mirrored") == set()


def test_no_two_primary_components_ever_existed(run):
    times, uuids = run.primaries(until=time.time())
    assert times
    assert watch.two_primaries(times) == []
    assert len(uuids) == 1


def test_all_of_the_lab_is_whole_again(served, serving):
    serving()
