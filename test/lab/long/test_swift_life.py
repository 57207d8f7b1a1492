"""
The life of the rings, with clients that write and read all the time: a node comes and is given its
share, another one is drained and leaves, a disk dies and is replaced. And a node that has lost all
of its disks gets every copy back.

min_part_hours is 0 here, so that what is waited for between two steps is replication alone; that
nothing moves before its time is a test of its own.
"""

import copy
import time

import pytest
from runbook import place
from swift import site as cluster_file
from swift.store import lose

from lab import highstate
from lab.waiting import wait_for

RINGS = ("account", "container", "object")
# Passes of replication begin 30 s apart unless told; all of them on two cores leave little else.
OPTIONS = {
    name: {"options": {f"{name}-replicator": {"interval": 10}}}
    for name in ("account", "container", "object")
}
# Eight hosts on two cores stop for a third of a second now and then. The VIP would move each time,
# and whoever waits for an answer at that moment would wait in vain.
ADVERT_INTERVAL = 1
PATIENCE = 900
BUILDERS = "/var/lib/openstack_ha/swift"


@pytest.fixture(scope="module")
def site(lab):
    """
    Apply these trials' cluster file; return a function that changes it, and applies that to the
    storage nodes: proxies get their rings from the master, and nothing else of it.
    """
    content = cluster_file.source()
    cluster = content["openstack_ha"]
    cluster["keepalived"] = {"advert_interval": ADVERT_INTERVAL}
    cluster["swift"].update(copy.deepcopy(OPTIONS))
    cluster["swift"]["rings"] = {
        ring: {"min_part_hours": 0, "ramp": 0.5, "overload": 1} for ring in RINGS
    }

    def change(edit=lambda _cluster: None, target=None):
        edit(cluster)
        storage = [name for name, node in cluster["nodes"].items() if "storage" in node["roles"]]
        cluster_file.apply(lab, content, target or ",".join(storage))

    change(target="*")
    return change


@pytest.fixture(scope="module")
def settle(lab):
    """Return a function that takes step after step until the rings are as the pillar says."""

    def run():
        owner = lab.master.run("openstack_ha_swift.status", "demo")["owner"]
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            _rings(lab)
            returns = lab.highstate(target=owner)
            assert highstate.failures(returns, [owner]) == {}
            warnings = _warnings(returns)
            if not highstate.changes(returns) and not warnings:
                return
        pytest.fail(f"the rings do not settle: {warnings}")

    return run


def _warnings(returns):
    states = [state for node in returns.values() for state in node.values()]
    return [line for state in states for line in state.get("warnings", [])]


def _status(lab):
    """What all nodes say: on a busy machine one or the other is too late for a look."""

    def in_full():
        found = lab.master.run("openstack_ha_swift.status", "demo")
        return found if all(found["nodes"].values()) else None

    return wait_for(in_full, 120, "an answer from every node")


def _rings(lab):
    """The rings' versions, once every node has them."""

    def versions():
        rings = _status(lab)["rings"]
        if any(ring["lacking"] for ring in rings.values()):
            return None
        return {name: ring["version"] for name, ring in rings.items()}

    return wait_for(versions, 120, "every node to have the same rings")


def _parts(lab, address):
    """The parts of each ring that the devices of an address have; empty without any device."""
    owner = lab.master.run("openstack_ha_swift.status", "demo")["owner"]
    (rings,) = lab.master.salt(owner, "openstack_ha_swift_ring.status").values()
    return {
        ring: {key: one["parts"] for key, one in facts["devices"].items() if one["ip"] == address}
        for ring, facts in rings.items()
    }


def _errors(lab, node):
    """The errors of a node's devices of which the kernel has told."""
    return _status(lab)["nodes"][node]["errors"]


@pytest.fixture(scope="module")
def working(site, store):
    """Clients write and read as long as these tests run."""
    with store:
        yield store


def _refusal(lab):
    """The runbook and the section that the refusal of this moment names."""
    decision = lab.master.run("openstack_ha_coordinator.plan", "demo", "swift")["decisions"][0]
    assert decision["verdict"] == "refuse", decision
    return place(decision["way_out"])


def test_a_lost_builder_comes_back_from_the_masters_copy(lab, site, settle, follow):
    settle()
    follow("swift-rings.md", "")
    rings, node = _rings(lab), lab.node("sto1")
    node.check(["rm", "-r", BUILDERS])
    node.check(["systemctl", "restart", "salt-minion"])
    wait_for(lambda: lab.master.answering("sto1"), 60, "sto1's minion")
    found = lab.master.run("openstack_ha_coordinator.plan", "demo", "swift")["decisions"][0]
    assert set(RINGS) <= set(found["why"].replace(";", " ").split()), found
    assert _refusal(lab) == ("swift-rings.md", "A builder is lost")
    follow("swift-rings.md", "A builder is lost")
    for ring in ("account", "container"):
        lab.master.run("openstack_ha_swift.restore", "demo", ring, dry_run=False)
    lab.master.run("openstack_ha_coordinator.answer", "demo", "swift")
    settle()
    assert _rings(lab) == rings


def test_a_ring_of_somebody_elses_is_refused(lab, follow):
    rings, node = _rings(lab), lab.node("sto2")
    build = "swift-ring-builder /tmp/foreign.builder"
    add = f"for i in $(seq 40); do {build} add r1z1-127.0.0.1:6200/d$i 1; done"
    script = f"{build} create 8 1 0 && {add} && {build} rebalance"
    # Its exit code tells nothing.
    node.run(["sh", "-c", script])
    node.check(["cp", "/tmp/foreign.ring.gz", "/etc/swift/object.ring.gz"])
    assert _refusal(lab) == ("swift-rings.md", "A ring of somebody else")
    follow("swift-rings.md", "A ring of somebody else")
    assert _rings(lab) == rings


def test_a_ring_that_is_none_of_the_plans_steps_is_given_to_nobody(lab, settle, follow):
    settle()
    rings, node = _rings(lab), lab.node("sto1")
    for step in (["set_weight", "d0", "5"], ["pretend_min_part_hours_passed"], ["rebalance"]):
        # Its exit code tells nothing.
        node.run(["swift-ring-builder", f"{BUILDERS}/object.builder", *step])
    lab.master.run("openstack_ha_coordinator.answer", "demo", "swift")
    failures = lab.master.run("openstack_ha_record.read", "demo.swift")["failures"]
    assert "has the weight 5, and may have 100 to 100" in failures["object"]
    _why, _, way_out = failures["object"].rpartition(". ")
    assert place(way_out) == ("swift-rings.md", "A ring that may not be spread")
    follow("swift-rings.md", "A ring that may not be spread")
    settle()
    assert _rings(lab) == rings


def test_another_hash_path_is_refused(lab, follow):
    node = lab.node("sto2")
    edit = "s/^swift_hash_path_prefix.*/swift_hash_path_prefix = another/"
    node.check(["sed", "-i", edit, "/etc/swift/swift.conf"])
    returns = lab.highstate(target="sto2")
    failed = highstate.failures(returns, ["sto2"])
    assert "hash_path_prefix" in str(failed)
    follow("swift-rings.md", "Different hash paths")
    assert highstate.changes(lab.highstate(target="sto2")) == {}


def test_no_operation_fails_while_each_storage_node_is_down_in_turn(lab, working, chance):
    for node in chance.sample(["sto1", "sto2", "sto3"], 3):
        lose(lab, node)
    assert working.failed() == []


def test_a_node_that_comes_gets_its_share(lab, site, settle, working):
    def edit(cluster):
        first = cluster["nodes"]["sto2"]
        address = first["address"].removesuffix("2") + "4"
        cluster["nodes"]["sto4"] = {**copy.deepcopy(first), "address": address}

    settle()
    before = _rings(lab)
    site(edit)
    settle()
    parts = _parts(lab, lab.node("sto4").address)
    assert all(sum(devices.values()) for devices in parts.values())
    # Half of the weight, and then the other half.
    assert all(_rings(lab)[ring] > before[ring] + 1 for ring in RINGS)
    assert working.failed() == []


def test_a_node_that_is_drained_leaves(lab, site, settle, working, follow):
    address = lab.node("sto2").address
    site(lambda cluster: cluster["nodes"]["sto2"]["storage"].update(devices={}), "sto1")
    follow("swift-rings.md", "A node or a disk is to go", 0)
    settle()
    assert _parts(lab, address) == {ring: {} for ring in RINGS}
    lab.node("sto2").container.remove(force=True, v=True)
    lab.master.forget("sto2")
    site(lambda cluster: cluster["nodes"].pop("sto2"), "sto1")
    settle()
    assert working.failed() == []


def test_a_dead_disk_is_left_at_once_and_its_successor_filled(lab, site, settle, working, follow):
    node = lab.node("sto3")

    def failed(is_failed):
        return lambda cluster: cluster["nodes"]["sto3"]["storage"]["devices"]["sdb"].update(
            failed=is_failed
        )

    # What the kernel does with a disk that no longer answers: each call is an I/O error.
    node.check(["xfs_io", "-x", "-c", "shutdown", "/srv/node/sdb"])
    # Not by its timer, within five minutes.
    node.check(["systemctl", "start", "openstack-ha-swift-drive-audit"])
    assert set(_errors(lab, "sto3")) == {"sdb"}
    site(failed(True))
    follow("swift-rings.md", "A node or a disk is to go", 1)
    settle()
    assert not any("sdb" in key for key in _parts(lab, node.address)["object"])
    node.check(["systemctl", "stop", "lab-disks"])
    node.check(["rm", "/var/lib/lab-disks/sdb.img"])
    node.stop()
    node.boot()
    wait_for(lambda: lab.master.answering("sto3"), 120, "sto3 to boot")
    site(failed(False))
    settle()
    assert _parts(lab, node.address)["object"][f"{node.address}/sdb"]
    node.check(["systemctl", "start", "openstack-ha-swift-drive-audit"])
    assert _errors(lab, "sto3") == {}
    assert working.failed() == []


def test_nothing_moves_before_its_time(lab, site, working):
    def edit(cluster):
        for ring in RINGS:
            cluster["swift"]["rings"][ring]["min_part_hours"] = 1
        cluster["nodes"]["sto1"]["storage"]["devices"]["sdc"]["weight"] = 50

    site(edit, "sto1")
    _rings(lab)
    before = _parts(lab, lab.node("sto1").address)
    returns = lab.highstate(target="sto1")
    assert any("min_part_hours" in line for line in _warnings(returns))
    assert _parts(lab, lab.node("sto1").address) == before


def _is_whole(lab, store):
    """Whether every copy is where it belongs, and nobody holds one for another."""
    nodes = [lab.node(name) for name in lab.with_role("storage")]
    return not store.missing(nodes[0]) and not store.handoffs(nodes)


def test_no_object_was_lost(lab, store):
    assert store.failed() == []
    assert int(store.run("verify"))
    wait_for(lambda: _is_whole(lab, store), PATIENCE, "every copy to be in its place")


def test_a_node_that_lost_its_disks_gets_every_copy_back(lab, store):
    lost = lab.with_role("storage")[-1]
    # The old host would bring its key again, and the new one's would be refused.
    lab.node(lost).kill()
    lab.master.forget(lost)
    lab.replace(lost)
    lab.master.enlist([lab.node(lost)])
    assert highstate.failures(lab.highstate(target=lost), [lost]) == {}
    wait_for(lambda: _is_whole(lab, store), PATIENCE, "every copy to be in its place")
    assert int(store.run("verify"))
