"""Outages that end by themselves: nobody runs a highstate, and no acknowledged row is lost."""

import time

import pytest

pytestmark = pytest.mark.usefixtures("mended")


def test_all_are_stopped_in_any_order(lab, nodes, boot, rows, serving, chance):
    for node in chance.sample(nodes, len(nodes)):
        lab.node(node).check(["systemctl", "stop", "mariadb"])
    for node in nodes:
        lab.node(node).kill()
    boot(nodes)
    serving()
    rows()


def test_two_are_lost_and_the_survivor_waits_for_them(lab, nodes, boot, rows, serving, chance):
    lost = chance.sample(nodes, len(nodes) - 1)
    for node in lost:
        lab.node(node).kill()
    boot(lost)
    serving()
    rows()


def test_a_survivor_of_a_wipe_is_chosen(lab, nodes, rows, serving, chance, unseen):
    """Two stop in a crash, one of them with an empty disk: the last view never comes back."""
    lost = chance.sample(nodes, len(nodes) - 1)
    with unseen():
        for node in lost:
            lab.node(node).check(["systemctl", "kill", "--signal=KILL", "mariadb"])
            lab.node(node).check(["systemctl", "stop", "mariadb"])
        lab.node(lost[0]).check(["sh", "-c", "rm -rf /var/lib/mysql/* /var/lib/mysql/.[!.]*"])
    serving()
    rows()


def test_a_restart_of_the_master_in_between_costs_a_schedules_round_at_most(
    lab, nodes, are_back, serving, chance
):
    node, begin = chance.choice(nodes), time.time()
    lab.node(node).kill()
    lab.node(node).boot()
    lab.master.host.check(["systemctl", "restart", "salt-master"])
    are_back([node], begin)
    serving()


@pytest.fixture
def boot(lab, chance):
    """Return a function that boots nodes in a random order, seconds apart."""

    def run(nodes):
        for node in chance.sample(nodes, len(nodes)):
            lab.node(node).boot()
            time.sleep(chance.uniform(0, 3))

    return run
