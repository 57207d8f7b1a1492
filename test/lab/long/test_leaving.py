"""
A controller leaves its cluster for good, alive and dead, and comes back: `make runbooks`.
"""

import threading
import time

import pytest
from support import cluster_size
from swift import site

from bench import failover
from lab.waiting import wait_for

pytestmark = pytest.mark.usefixtures("mended")

RUNBOOK = "leaving.md"
UNITS = ("keepalived", "haproxy", "rabbitmq-server", "mariadb")
BOUND = 300
POLL = 0.3


@pytest.fixture
def one_holder(lab):
    """Nobody but one controller has the VIP, longer than a host may take to hand it over."""
    ended, twice = threading.Event(), []

    def watch():
        before = []
        while not ended.wait(POLL):
            now = failover.vip_holders(lab)
            if len(now) > 1 and now == before:
                twice.append((time.strftime("%X"), now))
            before = now

    watcher = threading.Thread(target=watch)
    watcher.start()
    yield
    ended.set()
    watcher.join()
    assert not twice, f"two held the VIP: {twice}"


@pytest.fixture
def file_without(lab):
    """Return a function that takes ctl3 out of the cluster file; it is put back at the end."""

    def give():
        content = site.source()
        cluster = content["openstack_ha"]
        cluster["allow_even_controllers"] = True
        (key,) = [one for one in cluster["nodes"] if one.startswith("ctl")]
        node = cluster["nodes"].pop(key)
        first, _, rest = node["address"].rpartition(".")
        begin = int(rest.partition("-")[0])
        cluster["nodes"] = {
            **{
                f"ctl{number}": {**node, "address": f"{first}.{begin + number - 1}"}
                for number in (1, 2)
            },
            **cluster["nodes"],
        }
        site.give(lab, content)

    yield give
    site.give(lab, site.source())


def brokers(lab):
    text = lab.node("ctl1").check(["rabbitmqctl", "cluster_status", "--formatter", "json"])
    return {node for node in ("ctl1", "ctl2", "ctl3") if f'"rabbit@{node}"' in text}


def two_are_left(lab):
    assert brokers(lab) == {"ctl1", "ctl2"}
    assert cluster_size(lab.node("ctl1")) == 2


def checked(lab):
    return lab.master.host.run(["salt-run", "openstack_ha.check", "--out=json"])


def run(lab, *words):
    return lab.master.host.check(["salt-run", *words])


def runs(lab, unit):
    return lab.node("ctl3").run(["systemctl", "is-active", unit]).out.strip() == "active"


def test_a_file_without_one_that_has_not_left_is_refused(lab, file_without):
    file_without()
    refused = checked(lab)
    assert refused.rc == 1 and "salt-run openstack_ha.leave demo ctl3" in refused.out, refused
    assert brokers(lab) == {"ctl1", "ctl2", "ctl3"} and failover.vip_holder(lab)


def test_a_controller_leaves_and_comes_back(lab, file_without, follow, serving, one_holder):
    follow(RUNBOOK, "A controller leaves", 0)
    two_are_left(lab)
    file_without()
    follow(RUNBOOK, "A controller leaves", 1)
    assert not any(runs(lab, unit) for unit in UNITS)
    lab.node("ctl3").kill()
    lab.node("ctl3").boot()
    lab.node("ctl3").wait_booted()
    wait_for(lambda: lab.master.answering("ctl3"), BOUND, "ctl3's minion")
    assert not any(runs(lab, unit) for unit in UNITS), "no boot starts it"
    site.give(lab, site.source())
    follow(RUNBOOK, "A controller comes", 0)
    follow(RUNBOOK, "A controller comes", 1)
    serving(BOUND)
    assert brokers(lab) == {"ctl1", "ctl2", "ctl3"}


def test_a_dead_controller_leaves_and_stops_when_it_boots(lab, follow, serving):
    node = lab.node("ctl3")
    hanging = "systemctl stop salt-minion"
    node.check(["sh", "-c", hanging])
    refused = lab.master.host.run(["salt-run", "openstack_ha.leave", "demo", "ctl3"])
    assert "its host answers ctl1, ctl2" in refused.out + refused.err, refused
    node.kill()
    follow(RUNBOOK, "A controller leaves", 0)
    two_are_left(lab)
    node.boot()
    wait_for(lambda: not any(runs(lab, unit) for unit in UNITS), BOUND, "ctl3 to stop")
    two_are_left(lab)
    follow(RUNBOOK, "A controller comes", 0)
    follow(RUNBOOK, "A controller comes", 1)
    serving(BOUND)
    assert brokers(lab) == {"ctl1", "ctl2", "ctl3"}


def test_one_that_a_person_has_taken_out_by_force_is_stopped_by_hand(
    lab, file_without, follow, serving, refusal
):
    run(lab, "openstack_ha_guard.forget", "demo", "nodes:ctl3:is_controller")
    file_without()
    assert checked(lab).rc == 0
    place = refusal("rabbitmq")
    assert place == ("broken-rabbitmq.md", "A broker of no controller")
    follow(*place)
    wait_for(lambda: brokers(lab) == {"ctl1", "ctl2"}, BOUND, "the broker to be forgotten")
    site.give(lab, site.source())
    follow(RUNBOOK, "A controller comes", 1)
    serving(BOUND)


def test_two_that_do_not_know_each_other_are_named_and_made_known(
    lab, file_without, follow, serving, refusal
):
    run(lab, "openstack_ha_guard.forget", "demo", "nodes:ctl3:is_controller")
    file_without()
    apply = ["salt", "-L", "ctl1,ctl2", "state.apply", "openstack_ha.keepalived", "queue=True"]
    lab.master.host.check(apply)
    site.give(lab, site.source())
    place = refusal("keepalived")
    assert place == (RUNBOOK, "One does not know the other")
    follow(*place)
    serving(BOUND)
    assert failover.vip_holder(lab)
