"""Outages that end by themselves: nobody runs a highstate, and no acknowledged row is lost."""

import time

import pytest

from bench import failover

# Seconds until everything serves again after the last boot: a bound, not the figure.
BOUND = 240


@pytest.fixture
def rows(lab, serving):
    """Write a row before the outage; return a function that checks them all on every node."""
    serving()
    (node, *_) = lab.nodes.values()
    sql = (
        "CREATE TABLE IF NOT EXISTS probe.outages (id BIGINT AUTO_INCREMENT PRIMARY KEY);"
        "INSERT INTO probe.outages () VALUES (); SELECT GROUP_CONCAT(id) FROM probe.outages"
    )
    written = node.check(["mariadb", "--batch", "--skip-column-names", "-e", sql])

    def check():
        for one in lab.nodes.values():
            select = "SELECT GROUP_CONCAT(id) FROM probe.outages"
            found = one.check(["mariadb", "--batch", "--skip-column-names", "-e", select])
            assert found == written, one.id

    return check


@pytest.fixture
def boot(lab, chance):
    """Return a function that boots nodes in a random order, seconds apart."""

    def run(nodes):
        for node in chance.sample(nodes, len(nodes)):
            lab.node(node).boot()
            time.sleep(chance.uniform(0, 3))

    return run


def test_all_are_killed_at_once(lab, nodes, boot, rows, serving, are_back, follow):
    begin = time.time()
    for node in nodes:
        lab.node(node).kill()
    boot(nodes)
    follow("total-power-loss.md", "By itself")
    batch = are_back(nodes, begin)
    assert all(one["is_back"] for one in batch["nodes"].values())
    print(f"the last batch: {sorted(batch['nodes'])} in {batch['seconds']} s")
    serving(BOUND)
    rows()


def test_all_are_stopped_in_any_order(lab, nodes, boot, rows, serving, chance):
    for node in chance.sample(nodes, len(nodes)):
        lab.node(node).check(["systemctl", "stop", "mariadb"])
    for node in nodes:
        lab.node(node).kill()
    boot(nodes)
    serving(BOUND)
    rows()


def test_two_are_lost_and_the_survivor_waits_for_them(lab, nodes, boot, rows, serving, chance):
    lost = chance.sample(nodes, len(nodes) - 1)
    for node in lost:
        lab.node(node).kill()
    boot(lost)
    serving(BOUND)
    rows()


def test_a_wiped_server_is_filled_again(lab, nodes, rows, serving, chance, unseen):
    node = lab.node(chance.choice(nodes))
    with unseen():
        node.check(["systemctl", "stop", "mariadb"])
        node.check(["sh", "-c", "rm -rf /var/lib/mysql/* /var/lib/mysql/.[!.]*"])
    # Nothing rings: the master's schedule finds it.
    serving(BOUND)
    rows()


def test_a_survivor_of_a_wipe_is_chosen(lab, nodes, rows, serving, chance, unseen):
    """Two stop in a crash, one of them with an empty disk: the last view never comes back."""
    lost = chance.sample(nodes, len(nodes) - 1)
    with unseen():
        for node in lost:
            lab.node(node).check(["systemctl", "kill", "--signal=KILL", "mariadb"])
            lab.node(node).check(["systemctl", "stop", "mariadb"])
        lab.node(lost[0]).check(["sh", "-c", "rm -rf /var/lib/mysql/* /var/lib/mysql/.[!.]*"])
    serving(BOUND)
    rows()


def test_the_vip_has_one_holder_after_all_that(lab):
    failover.vip_holder(lab)
