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
import yaml
from swift.store import Store

from lab import Lab, highstate
from lab.deployment import SOURCE
from lab.waiting import wait_for

RINGS = ("account", "container", "object")
# Passes of replication begin 30 s apart unless told.
OPTIONS = {
    name: {"options": {f"{name}-replicator": {"interval": 5}}}
    for name in ("account", "container", "object")
}
PATIENCE = 900


@pytest.fixture(scope="module")
def site(lab, tmp_path_factory):
    """Return a function that changes the cluster file, and applies it to the storage nodes."""
    path = tmp_path_factory.mktemp("cluster") / "cluster.yaml"
    source = yaml.safe_load(SOURCE.read_text())
    cluster = source["openstack_ha"]
    cluster["swift"].update(copy.deepcopy(OPTIONS))
    cluster["swift"]["rings"] = {
        ring: {"min_part_hours": 0, "ramp": 0.5, "overload": 1} for ring in RINGS
    }

    def change(edit=lambda cluster: None, target="*"):
        edit(cluster)
        path.write_text(yaml.safe_dump(source, sort_keys=False))
        Lab.create(profile="full", name=lab.name, source=path)
        returns = lab.highstate(target=target)
        assert highstate.failures(returns, lab.nodes if target == "*" else [target]) == {}

    return change


@pytest.fixture(scope="module")
def store(lab, site):
    site()
    return Store(lab)


@pytest.fixture(scope="module")
def settle(lab):
    """Return a function that takes step after step until the rings are as the pillar says."""

    def run():
        owner = lab.master.run("openstack_ha_swift.status", "demo")["owner"]
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            wait_for(lambda: _rings(lab), 120, "every node to have the same rings")
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


def _rings(lab):
    """The rings' versions when every node has them, else nothing."""
    status = lab.master.run("openstack_ha_swift.status", "demo")
    if any(ring["lacking"] for ring in status["rings"].values()):
        return None
    return {name: ring["version"] for name, ring in status["rings"].items()}


def _parts(lab, address):
    """The parts of each ring that the devices of an address have; empty without any device."""
    owner = lab.master.run("openstack_ha_swift.status", "demo")["owner"]
    (rings,) = lab.master.salt(owner, "openstack_ha_swift_ring.status").values()
    return {
        ring: {key: one["parts"] for key, one in facts["devices"].items() if one["ip"] == address}
        for ring, facts in rings.items()
    }


@pytest.fixture(scope="module")
def working(store):
    """Clients write and read as long as these tests run."""
    with store:
        yield store


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


def test_a_node_that_goes_is_drained_before(lab, site, settle, working):
    address = lab.node("sto2").address
    site(lambda cluster: cluster["nodes"]["sto2"]["storage"].update(devices={}), "sto1")
    settle()
    assert _parts(lab, address) == {ring: {} for ring in RINGS}
    assert working.failed() == []


def test_a_dead_disk_is_left_at_once_and_its_successor_filled(lab, site, settle, working):
    node = lab.node("sto3")

    def failed(is_failed):
        return lambda cluster: cluster["nodes"]["sto3"]["storage"]["devices"]["sdb"].update(
            failed=is_failed
        )

    # What the kernel does with a disk that no longer answers: each call is an I/O error.
    node.check(["xfs_io", "-x", "-c", "shutdown", "/srv/node/sdb"])
    site(failed(True))
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
    assert working.failed() == []


def test_nothing_moves_before_its_time(lab, site, working):
    def edit(cluster):
        for ring in RINGS:
            cluster["swift"]["rings"][ring]["min_part_hours"] = 1
        cluster["nodes"]["sto1"]["storage"]["devices"]["sdc"]["weight"] = 50

    site(edit, "sto1")
    wait_for(lambda: _rings(lab), 120, "every node to have the same rings")
    before = _parts(lab, lab.node("sto1").address)
    returns = lab.highstate(target="sto1")
    assert any("min_part_hours" in line for line in _warnings(returns))
    assert _parts(lab, lab.node("sto1").address) == before


def _is_whole(lab, store, names):
    """Whether every copy is where it belongs, and nobody holds one for another."""
    nodes = [lab.node(name) for name in names]
    return not store.missing(nodes[0]) and not store.handoffs(nodes)


def test_no_object_was_lost(lab, store):
    assert store.failed() == []
    assert int(store.run("verify"))
    names = ("sto1", "sto3", "sto4")
    wait_for(lambda: _is_whole(lab, store, names), PATIENCE, "every copy to be in its place")


def test_a_node_that_lost_its_disks_gets_every_copy_back(lab, store):
    # The old host would bring its key again, and the new one's would be refused.
    lab.node("sto4").kill()
    lab.master.forget("sto4")
    lab.replace("sto4")
    lab.master.enlist([lab.node("sto4")])
    assert highstate.failures(lab.highstate(target="sto4"), ["sto4"]) == {}
    names = ("sto1", "sto3", "sto4")
    wait_for(lambda: _is_whole(lab, store, names), PATIENCE, "every copy to be in its place")
    assert int(store.run("verify"))
