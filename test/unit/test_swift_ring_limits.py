"""What the rings' owner may not decide, over rings that it could send."""

import gzip
import math
import random

import openstack_ha_swift_ring_file as ring_files
import openstack_ha_swift_ring_limits as limits
import pytest
import rings
from support import example

FOREIGN = {"ip": "10.9.9.9", "replication_ip": "10.9.9.9", "device": "sdz"}


def read(found, rows=None):
    return ring_files.content(rings.ring_file(1, found, rows), None)


def objections(found, former=None, rows=None, wanted=None, is_kept=False):
    ring = read(found, rows)
    return limits.objections(wanted or rings.desired(), ring, former, is_kept)


def test_the_cluster_files_own_ring_is_spread():
    assert objections(rings.devices()) == []
    assert objections(rings.devices(), read(rings.devices())) == []


def test_a_ring_of_foreign_devices_alone_is_not():
    found = [{**one, **FOREIGN, "device": f"sd{one['id']}"} for one in rings.devices()]
    told = objections(found, read(rings.devices()))
    assert len(told) == len(found)
    assert told[0] == ("10.9.9.9/sd0 is no device of the cluster file, nor of the ring before")


def test_one_foreign_device_among_the_others_is_not():
    found = rings.devices()
    found.append({**found[0], **FOREIGN, "id": len(found)})
    (told,) = objections(found)
    assert told.startswith("10.9.9.9/sdz is no device")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("port", 6666),
        ("replication_ip", "10.9.9.9"),
        ("replication_port", 6666),
        ("zone", 9),
        ("region", 2),
    ],
)
def test_a_device_is_where_the_cluster_file_has_it(name, value):
    found = rings.devices()
    found[0][name] = value
    (told,) = objections(found, read(rings.devices()))
    assert told.startswith(f"172.29.80.31/sdb has the {name} {value!r}, and neither")
    # One that is on its way from there to the cluster file's.
    assert objections(found, read(found)) == []


def test_a_device_that_is_drained_has_what_it_had_or_less():
    cluster = example()
    del cluster["nodes"]["sto1"]["storage"]["devices"]["sdb"]
    wanted, former = rings.desired(cluster=cluster), read(rings.devices())
    found = rings.devices()
    for weight in (100, 60, 0):
        found[0]["weight"] = weight
        assert objections(found, former, wanted=wanted, rows=rings.even(rings.devices())) == []
    found[0]["weight"] = 101
    (told,) = objections(found, former, wanted=wanted)
    assert told == "172.29.80.31/sdb has the weight 101, and may have 0 to 100"
    # A master that has never seen it cannot know it.
    (told,) = objections(rings.devices(), wanted=wanted)
    assert told.startswith("172.29.80.31/sdb is no device")


def test_nobody_weighs_more_than_the_cluster_file_says_and_nobody_less_than_before():
    former = read(rings.devices())
    found = rings.devices()
    found[0]["weight"] = 100_000
    assert objections(found, former)[0] == (
        "172.29.80.31/sdb has the weight 100000, and may have 100 to 100"
    )
    found = rings.devices()
    found[1]["weight"] = 1
    assert [told for told in objections(found, former) if "weight 1," in told]


def test_nobody_has_all_parts_of_many():
    cluster = example()
    for name in ("sto1", "sto2", "sto3"):
        cluster["nodes"][name]["storage"]["devices"] = {f"sd{n}": {} for n in range(20)}
    wanted, found = rings.desired(cluster=cluster), rings.devices(cluster=cluster)
    former, most = read(found), limits.FEW
    assert objections(found, former, wanted=wanted) == []
    every = [one for row in rings.even(found) for one in row]
    rows = [[0] * 16, [0] * 16, every[:16]]
    assert sum(one == 0 for row in rows for one in row) > most
    (told,) = objections(found, former, rows, wanted)
    assert told == "172.29.80.31/sd0 has 33 parts, and by its weight 1"
    # A ring that the master has had, and gives back.
    assert objections(found, former, rows, wanted, is_kept=True) == []


def test_a_device_is_there_once():
    found = rings.devices()
    found.append({**found[0], "id": len(found)})
    assert objections(found)[-1] == "172.29.80.31/sdb is there twice"


@pytest.mark.parametrize("power", [4, 14, 20])
def test_a_ring_with_its_builder_is_smaller_than_what_is_taken(power):
    """As Swift writes them: two bytes a replica of a part, and up to three in the builder."""
    cluster = example()
    cluster["swift"]["rings"] = {"object": {"part_power": power, "replicas": 3.25}}
    wanted = rings.desired(cluster=cluster)
    parts, rows = 2**power, 4
    ring, builder = parts * rows * 2, parts * (rows * 3 + 2)
    most = limits.most_bytes(wanted, None)
    assert ring + builder + len(wanted["devices"]) * 1000 < most < 4 * (ring + builder) + 2**22
    former = {"replicas": 6, "devices": []}
    assert limits.most_bytes(wanted, former) > most


@pytest.mark.parametrize("meta", ["x" * 400_000, "\u00e4" * 50_000])
def test_what_the_cluster_file_says_of_a_device_has_room(meta):
    """In the ring a letter is escaped, in the builder it is not, and both are one parcel."""
    cluster = example()
    for name in ("sto1", "sto2", "sto3"):
        for one in cluster["nodes"][name]["storage"]["devices"].values():
            one["meta"] = meta
    wanted, found = rings.desired(cluster=cluster), rings.devices(cluster=cluster)
    ring = rings.ring_file(1, found)
    size = len(gzip.decompress(ring)) + len(repr(found).encode())
    most = limits.most_bytes(wanted, None)
    assert size < most < 2 * size + 2**22
    former = ring_files.content(ring, most)
    assert limits.most_bytes(rings.desired(), former) > size


def test_a_ring_on_its_way_is_spread_at_each_step():
    """Weights go by a share of the way, each step from what was spread before."""
    chance = random.Random(7)
    cluster = example()
    weights = [chance.choice([50, 100, 400]) for _ in rings.devices()]
    devices = iter(weights)
    for name in ("sto1", "sto2", "sto3"):
        for one in cluster["nodes"][name]["storage"]["devices"].values():
            one["weight"] = next(devices)
    wanted, found, former = rings.desired(cluster=cluster), rings.devices(), None
    former = read(found)
    for step in range(1, 5):
        for one, target in zip(found, weights, strict=True):
            one["weight"] += (target - one["weight"]) * step / 4
        assert objections(found, former, wanted=wanted) == []
        former = read(found)
    assert [math.isclose(one["weight"], target) for one, target in zip(found, weights, strict=True)]
