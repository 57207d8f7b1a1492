"""Rings: what the pillar wants, what waits, and what is refused."""

import copy

import openstack_ha_cluster
import openstack_ha_swift_ring as rings
import openstack_ha_swift_ring_plan as planner
import pytest
from support import example

NOW = 1_700_000_000
HOUR = 3600


@pytest.fixture
def cluster():
    found = example()
    for number in (1, 2, 3):
        found["nodes"][f"sto{number}"] = {
            "address": f"172.29.80.3{number}",
            "roles": ["storage"],
            "storage": {"zone": number, "devices": {"sdb": {}, "sdc": {"weight": 50}}},
        }
    assert openstack_ha_cluster.faults(found) == []
    return found


def wanted(cluster, ring="object"):
    return rings.desired(openstack_ha_cluster.complete(copy.deepcopy(cluster)), ring)


@pytest.fixture
def ring(cluster):
    """A ring as the pillar wants it, whose parts moved a week ago."""
    desired = wanted(cluster)
    devices = {
        key: {**one, "parts": 10, "is_removed": False} for key, one in desired["devices"].items()
    }
    return {
        **{name: desired[name] for name in rings.SETTINGS},
        "next_part_power": None,
        "version": 12,
        "is_balanced": True,
        "is_changed": False,
        "rebalanced_at": NOW - 168 * HOUR,
        "now": NOW,
        "balance": 0.5,
        "dispersion": 0,
        "unplaced": 0,
        "devices": devices,
        "ring_file": {"md5": "0", "version": 12},
        "removals": [],
    }


def replicated(ring, age=HOUR):
    passes = {"started": ring["now"] - age, "completed": ring["now"]}
    return {one["ip"]: dict(passes) for one in ring["devices"].values()}


def planned(cluster, ring, **more):
    desired = wanted(cluster)
    return planner.plan(desired, ring, {**desired["options"], **more})


def verbs(steps):
    return [step["do"] for step in steps]


def devices(cluster, node="sto1"):
    return cluster["nodes"][node]["storage"]["devices"]


def test_a_device_is_known_by_its_address_and_name(cluster):
    cluster["nodes"]["sto1"]["storage"]["replication_address"] = "172.29.90.31"
    desired = wanted(cluster, "account")
    assert list(desired["devices"])[:2] == ["172.29.80.31/sdb", "172.29.80.31/sdc"]
    one = desired["devices"]["172.29.80.31/sdb"]
    assert (one["port"], one["replication_port"]) == (6202, 6202)
    assert (one["ip"], one["replication_ip"]) == ("172.29.80.31", "172.29.90.31")
    assert rings.device_key({"ip": "FD00:0::1", "device": "sdb"}) == "fd00::1/sdb"


def test_a_device_may_belong_to_some_rings_only(cluster):
    devices(cluster)["sdd"] = {"rings": ["account", "object-1"]}
    cluster["swift"] = {"rings": {"object-1": {"replicas": 1}}}
    assert "172.29.80.31/sdd" in wanted(cluster, "account")["devices"]
    assert "172.29.80.31/sdd" not in wanted(cluster)["devices"]
    assert wanted(cluster, "object-1")["replicas"] == 1
    with pytest.raises(ValueError, match="'object-2'.*account, container, object, object-1"):
        wanted(cluster, "object-2")


def test_the_owner_sees_the_storage_nodes_and_nobody_else_does(cluster):
    complete = openstack_ha_cluster.complete(cluster)
    seen = openstack_ha_cluster.view(complete, "sto1")
    assert openstack_ha_cluster.rings_owner(seen) == "sto1"
    assert {"sto2", "sto3"} <= set(seen["nodes"])
    assert openstack_ha_cluster.view(seen, "sto1") == seen
    other = openstack_ha_cluster.view(complete, "sto2")
    assert openstack_ha_cluster.rings_owner(other) == "sto1"
    assert "sto3" not in other["nodes"]


FAULTS = {
    "an owner that is no node": (("swift", "owner"), "sto9", "swift:owner: 'sto9' is not among"),
    "devices without the role": (
        ("nodes", "sto1", "roles"),
        ["compute"],
        "nodes:sto1:storage: the node has no role storage",
    ),
    "a ring that nobody defines": (
        ("nodes", "sto1", "storage", "devices", "sdb", "rings"),
        ["object-7"],
        "nodes:sto1:storage:devices:sdb:rings: there is no ring 'object-7'",
    ),
    "a ring's odd name": (
        ("swift", "rings", "objects"),
        {},
        "'objects' is no name for a key here: account",
    ),
    "no zone": (("nodes", "sto1", "storage"), {"devices": {}}, "'zone' is missing"),
}


@pytest.mark.parametrize(("path", "value", "fault"), FAULTS.values(), ids=FAULTS)
def test_faults_are_named(cluster, path, value, fault):
    *parents, leaf = path
    branch = cluster
    for key in parents:
        branch = branch.setdefault(key, {})
    branch[leaf] = value
    (found,) = openstack_ha_cluster.faults(cluster)
    assert fault in found


def test_a_ring_as_the_pillar_wants_it_is_left_alone(cluster, ring):
    nothing = {"steps": [], "later": [], "waits": [], "refusals": []}
    assert planned(cluster, ring) == nothing
    assert planned(cluster, {**ring, "rebalanced_at": NOW}) == nothing


def test_parts_move_when_every_node_has_replicated_since(cluster, ring):
    devices(cluster)["sdd"] = {}
    unknown = planned(cluster, ring)
    assert unknown["steps"] == [] and "nothing is known" in unknown["waits"][0]["reason"]
    passes = replicated(ring)
    assert verbs(planned(cluster, ring, replication=passes)["steps"]) == ["add", "rebalance"]
    passes["172.29.80.32"]["started"] = ring["rebalanced_at"] - 1
    late = planned(cluster, ring, replication=passes)
    assert late["steps"] == [] and "172.29.80.32 has not" in late["waits"][0]["reason"]
    passes["172.29.80.32"] = None
    silent = planned(cluster, ring, replication=passes)
    assert silent["steps"] == [] and "not known on 172.29.80.32" in silent["waits"][0]["reason"]
    assert planned(cluster, ring, is_forced=True)["steps"]


def test_a_dead_node_need_not_have_replicated(cluster, ring):
    for device in devices(cluster, "sto3").values():
        device["failed"] = True
    cluster["nodes"]["sto4"] = copy.deepcopy(cluster["nodes"]["sto3"])
    cluster["nodes"]["sto4"].update(address="172.29.80.34")
    cluster["nodes"]["sto4"]["storage"]["devices"] = {"sdb": {}}
    passes = replicated(ring)
    del passes["172.29.80.33"]
    assert planned(cluster, ring, replication=passes)["waits"] == []


def test_weights_go_up_and_down_by_the_ramp_and_reach_their_end(cluster, ring):
    devices(cluster)["sdb"]["weight"] = 200
    del devices(cluster, "sto2")["sdc"]
    seen = {"172.29.80.31/sdb": [], "172.29.80.32/sdc": []}
    for _ in range(6):
        found = planned(cluster, ring, replication=replicated(ring))
        for step in found["steps"]:
            if step["do"] in ("set_weight", "drain"):
                seen[step["device"]].append(step["new"])
                ring["devices"][step["device"]]["weight"] = step["new"]
    assert seen["172.29.80.31/sdb"] == [150, 200]
    assert seen["172.29.80.32/sdc"][-1] == 0
    steps = seen["172.29.80.32/sdc"]
    assert all(before > after for before, after in zip([50, *steps], steps, strict=False))


def test_a_drained_device_stays_until_it_is_empty_and_replicated(cluster, ring):
    del devices(cluster, "sto2")["sdc"]
    device = ring["devices"]["172.29.80.32/sdc"]
    device["weight"] = 0
    passes = replicated(ring)
    assert verbs(planned(cluster, ring, replication=passes)["steps"]) == ["rebalance"]
    device["parts"] = 0
    # Its replicator still hands over what other nodes may lack.
    assert planned(cluster, ring)["steps"] == []
    assert verbs(planned(cluster, ring, replication=passes)["steps"]) == ["remove", "rebalance"]


def _other_zone(cluster, ring):
    ring["devices"]["172.29.80.31/sdb"]["zone"] = 9


def _other_region(cluster, ring):
    ring["devices"]["172.29.80.31/sdb"]["region"] = 9


def _other_power(cluster, ring):
    ring["part_power"] = 10


def _growing(cluster, ring):
    ring["next_part_power"] = 15


def _one_zone(cluster, ring):
    for number in (1, 2, 3):
        cluster["nodes"][f"sto{number}"]["storage"]["zone"] = 1


def _too_few(cluster, ring):
    for number in (2, 3):
        devices(cluster, f"sto{number}").clear()


def _foreign(cluster, ring):
    ring["ring_file"]["version"] = 13


def _marked(cluster, ring):
    ring["devices"]["172.29.80.31/sdb"]["is_removed"] = True


REFUSALS = {
    "another zone": (_other_zone, "stands in r1z9, not r1z1", "put it back"),
    "another region": (_other_region, "stands in r9z1, not r1z1", "put it back"),
    "another part power": (_other_power, "part_power 10, not 14", "part_power: 10"),
    "a part power on its way": (_growing, "part_power 15", "finish_increase"),
    "too few zones": (_one_zone, "in 1 zones (r1z1)", "allow_fewer_zones: true"),
    "too few devices": (_too_few, "need 3 devices", "replicas"),
    "another builder's ring": (_foreign, "has version 13, the builder only 12", "history"),
    "a removal by hand": (_marked, "undrained", "restore"),
}


@pytest.mark.parametrize(("edit", "reason", "remedy"), REFUSALS.values(), ids=REFUSALS)
def test_refusals_say_what_helps_and_nothing_is_done(cluster, ring, edit, reason, remedy):
    edit(cluster, ring)
    found = planned(cluster, ring, is_forced=True)
    assert found["steps"] == []
    text = " ".join(f"{one['reason']} {one['remedy']}" for one in found["refusals"])
    assert reason in text and remedy in text


def test_fewer_zones_are_taken_when_the_pillar_says_so(cluster, ring):
    _one_zone(cluster, ring)
    for device in ring["devices"].values():
        device["zone"] = 1
    cluster["swift"] = {"rings": {"object": {"allow_fewer_zones": True}}}
    assert planned(cluster, ring)["refusals"] == []
