"""
Virtual machines and the loss of power: none is lost on its way while a controller dies, all run
again after everybody has been without power, one that was taken elsewhere does not run twice, and
what is changed on all nodes at once leaves them alone.
"""

import time

import pytest
from chaos.history import History
from chaos.scene import Scene
from machines.crowd import Crowd
from salt.utils import dictupdate
from support import sql
from swift import site
from turns.going import DRAINED, RENEWED, assert_fared, assert_in_turn, going

from bench import failover
from lab import LabError, highstate
from lab.cluster import SIZES
from lab.waiting import PATIENCE, wait_for, wait_while

# Those asked for, and those that have been accepted when the power goes.
CREATIONS, HALF_WAY = 20, 5
WHOSE = ("the holder", "the second", "the third")
# Seconds until the last thing that ends a creation has ended it.
LONGEST = SIZES["nova"]["build_timeout"] + PATIENCE
CONDUCTOR = "nova-conductor"
# What a machine still has when it has booted anew, wherever that is.
OWN = ("address", "instance-id", "hostname", "local-ipv4")
RUNBOOK = "compute-nodes.md"
# The machine that this section names.
TAKEN = "cmp1-1"
FOLDER = "/var/lib/nova/instances"
OPTION = {"nova": {"disk_ratio": 1.5}}
STEPS = {
    "nova.conductor": RENEWED,
    "nova.scheduler": RENEWED,
    "nova.api": DRAINED,
    "nova.console": RENEWED,
}


@pytest.fixture
def crowd(mended, cloud):
    """Machines that are there to be made; they are gone before the lab is looked at as a whole."""
    made = Crowd(cloud, "crowd")
    yield made
    made.delete()


@pytest.fixture(scope="module")
def machines(cloud, hosts):
    """Two machines on each compute node."""
    made = [cloud.boot(host, number) for host in hosts for number in (1, 2)]
    for machine in made:
        cloud.wait_born(machine)
    return made


def where(lab, cloud, hosts, machine):
    """The nodes on which a machine runs."""
    return [host for host in hosts if machine.id in cloud.running(lab.node(host))]


def processes(lab, cloud, hosts):
    """All machines, each with the process that it is."""
    return {host: cloud.running(lab.node(host)) for host in hosts}


def assert_own(machine, before):
    assert {fact: machine.born[fact] for fact in OWN} == {fact: before[fact] for fact in OWN}


@pytest.mark.parametrize("who", WHOSE)
def test_every_creation_ends_while_a_controller_loses_its_power(
    lab, crowd, nodes, tell, figure, who
):
    holder = failover.vip_holder(lab)
    lost = [holder, *(node for node in nodes if node != holder)][WHOSE.index(who)]
    crowd.ask(CREATIONS, HALF_WAY, lab.node(lost).kill)
    found, longest = crowd.wait_ended(LONGEST)
    for why in crowd.refused:
        tell(f"  refused or cut: {why}")
    faults = {one: state["fault"] for one, state in found.items() if state["status"] == "ERROR"}
    for fault in faults.values():
        tell(f"  {fault and fault['message']}")
    figure(f"creations accepted while {who} dies", len(crowd.accepted))
    figure(f"requests refused or cut while {who} dies", len(crowd.refused))
    figure(f"machines in an error after {who} died", len(faults))
    figure(f"seconds of the slowest creation while {who} dies", round(longest, 1))
    assert max(crowd.accepted.values()) > crowd.acted > min(crowd.accepted.values())
    assert {state["status"] for state in found.values()} <= {"ACTIVE", "ERROR"}
    assert all(fault and fault["message"] for fault in faults.values()), faults


def test_a_creation_that_was_lost_on_its_way_ends_in_an_error(lab, crowd, nodes, unseen, tell):
    queue = ["rabbitmqctl", "--silent", "purge_queue", "conductor"]
    counted = ["sh", "-c", "rabbitmqctl -q list_queues name messages | grep -P '^conductor\\t'"]
    with unseen():
        try:
            for node in nodes:
                lab.node(node).check(["systemctl", "stop", CONDUCTOR])
            crowd.ask(1)
            # As with one that had taken it, and lost its power.
            assert int(lab.node(nodes[0]).check(counted).split()[1]) > 0
            lab.node(nodes[0]).check(queue)
        finally:
            for node in nodes:
                lab.node(node).check(["systemctl", "start", CONDUCTOR])
    assert sql(lab.node(nodes[0]), "SELECT COUNT(*) FROM nova_api.build_requests") == "1"
    found, took = crowd.wait_ended(LONGEST)
    ((uuid, state),) = found.items()
    assert [uuid] == list(crowd.accepted)
    tell(f"  after {took:.0f} s: {state['fault']['message']}")
    assert state["status"] == "ERROR"
    assert "no conductor has brought it to a compute node" in state["fault"]["message"]
    for table in ("nova_api.build_requests", "nova_cell0.security_groups WHERE user_id IS NULL"):
        assert sql(lab.node(nodes[0]), f"SELECT COUNT(*) FROM {table}") == "0"


def test_nothing_is_left_to_do_while_machines_run(lab, cloud, hosts, machines, mended):
    before = processes(lab, cloud, hosts)
    returns = lab.highstate()
    assert highstate.failures(returns, lab.nodes) == {}
    assert highstate.changes(returns) == {}
    assert processes(lab, cloud, hosts) == before


@pytest.fixture
def changed(lab, cloud, hosts, machines, mended):
    """An option of Nova's, changed on all nodes at once while clients ask."""
    content = site.source()
    dictupdate.update(content["openstack_ha"], OPTION)
    before = processes(lab, cloud, hosts)
    site.give(lab, content)
    yield before, going(lab, lab.highstate)
    site.apply(lab, site.source())


def test_an_option_goes_round_and_machines_are_left_alone(
    lab, cloud, hosts, machines, nodes, changed, tell, figure
):
    before, one = changed
    assert highstate.failures(one.returns, lab.nodes) == {}
    assert processes(lab, cloud, hosts) == before
    assert {machine.id for machine in machines} == set().union(*before.values())
    assert_in_turn(one, STEPS, nodes, tell)
    figure("requests while an option of Nova's goes round", one.fared["answered"])
    assert one.fared["answered"]["nova"]
    assert_fared(one, nodes, tell)


def test_all_run_again_after_everybody_was_without_power(
    lab, cloud, hosts, machines, chance, tell, figure, mended
):
    before = {machine: machine.born for machine in machines}
    history = History(tell)
    history.round("power cut of all nodes, with machines")
    scene = Scene(lab, None, chance, history)
    scene.kill(*lab.nodes)
    scene.boot(*lab.nodes)
    booted = history.last_step

    def is_answered():
        try:
            return cloud.ask("names")
        except LabError:
            return None

    wait_for(is_answered, PATIENCE, "Nova's API through the VIP")
    figure("seconds from the last boot until Nova's API answers", round(time.time() - booted, 1))
    for machine in machines:
        machine.wait_again()
        history.line(f"{machine.name} runs on {machine.node}")
    figure("seconds from the last boot until every machine runs", round(time.time() - booted, 1))
    for machine in machines:
        machine.wait_active(cloud.hostnames[machine.node])
        assert_own(machine, before[machine])
        assert where(lab, cloud, hosts, machine) == [machine.node], machine.name


def test_what_was_taken_elsewhere_does_not_run_twice(
    lab, cloud, hosts, machines, follow, mended, tell
):
    taken = next(machine for machine in machines if machine.name == TAKEN)
    lost = taken.node
    (other,) = (host for host in hosts if host != lost)
    left = next(one for one in machines if one.node == lost and one is not taken)
    before = {machine: machine.born for machine in (taken, left)}
    lab.node(lost).kill()

    def is_alive():
        return cloud.ask("reports")[cloud.hostnames[lost]] != "down"

    wait_while(is_alive, PATIENCE, f"Nova to take {lost} for dead")
    follow(RUNBOOK, "A compute node is dead", 0)
    follow(RUNBOOK, "A compute node is dead", 1)
    taken.wait_active(cloud.hostnames[other])
    taken.node = other
    taken.wait_again()
    assert_own(taken, before[taken])
    heard = taken.said()

    lab.node(lost).boot()
    left.wait_again()
    left.wait_active(cloud.hostnames[lost])
    assert_own(left, before[left])
    follow(RUNBOOK, "A compute node is dead", 2)

    def leftovers():
        listed = lab.node(lost).run(["virsh", "list", "--all", "--uuid"])
        stored = lab.node(lost).run(["test", "-e", f"{FOLDER}/{taken.id}"])
        known = taken.id in listed.out or listed.rc != 0
        return [what for what, is_so in (("guest", known), ("disk", not stored.rc)) if is_so]

    wait_while(leftovers, PATIENCE, f"{lost} to be rid of {TAKEN}")
    for machine in (taken, left):
        assert where(lab, cloud, hosts, machine) == [machine.node], machine.name
    assert taken.wait_lived(heard).get("booted") in (None, taken.born["booted"])
