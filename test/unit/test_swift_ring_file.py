"""What stands in a ring file, and that no more is inflated than a ring can have."""

import gzip
import json
import sys
import tracemalloc
import zlib

import openstack_ha_swift_ring_file as ring_files
import pytest
import rings

OTHER = {"little": "big", "big": "little"}[sys.byteorder]


def headed(known, number=1, length=None):
    text = json.dumps(known).encode()
    size = (len(text) if length is None else length).to_bytes(4, "big")
    return gzip.compress(b"R1NG" + number.to_bytes(2, "big") + size + text)


def test_a_ring_file_tells_its_version_and_its_servers():
    devices = [{"ip": "10.0.0.2", "port": 6200}, None, {"ip": "10.0.0.1", "port": 6200}] * 2
    found = ring_files.facts(headed({"devs": devices, "version": 7}))
    assert found["version"] == 7
    assert found["addresses"] == [("10.0.0.1", 6200), ("10.0.0.2", 6200)]


WHOLE = headed({"devs": [], "version": 1})
NONE = {
    "nothing": b"",
    "text": b"text",
    "cut short": WHOLE[:-1],
    "a false sum": WHOLE[:-9] + b"x" * 9,
    "an unknown format": headed({}, number=9),
    "no magic": gzip.compress(b"R"),
    "no devices": headed({"version": 1}),
    "a list": headed([]),
    "devices that are none": headed({"devs": 3}),
    "no JSON": gzip.compress(b"R1NG" + b"\0\1" + b"\0\0\0\1" + b"{"),
    "a head beyond its end": headed({"devs": []}, length=99),
    "a head without end": headed({"devs": []}, length=2**31),
    "more behind its end": WHOLE + b"x",
}


@pytest.mark.parametrize("data", NONE.values(), ids=NONE)
def test_what_is_no_whole_ring_has_no_version(data):
    assert ring_files.facts(data)["version"] is None
    with pytest.raises(ValueError, match="is "):
        ring_files.content(data, 2**20)


@pytest.mark.parametrize("byteorder", [sys.byteorder, OTHER])
def test_a_ring_tells_how_many_parts_a_device_has(byteorder):
    devices = [*rings.devices()[:2], None, *rings.devices()[3:]]
    rows = [[0] * 12 + [1] * 4, [3] * 16, [4, 5]]
    found = ring_files.content(rings.ring_file(7, devices, rows, byteorder=byteorder), 2**20)
    parts = {one["id"]: one["parts"] for one in found.pop("devices")}
    assert parts == {0: 12, 1: 4, 3: 16, 4: 1, 5: 1}
    assert found == {"version": 7, "replicas": 3, "part_power": rings.POWER}


@pytest.mark.parametrize(
    ("rows", "more"),
    [
        ([[0] * 16, [1] * 16, [9] * 16], {}),
        ([[0] * 16, [1] * 16], {"replica_count": 3}),
        ([[0] * 17], {}),
        ([], {}),
        ([[0] * 16], {"part_shift": 0}),
        ([[0] * 16], {"part_shift": "x"}),
        ([[0] * 16], {"devs": [3]}),
    ],
    ids=["of no device", "too few", "too many", "none", "a power", "a text", "a number"],
)
def test_parts_that_are_no_rings_are_refused(rows, more):
    with pytest.raises(ValueError, match="is no ring"):
        ring_files.content(rings.ring_file(1, rings.devices(), rows, **more), 2**20)


def test_no_more_is_inflated_than_was_asked_for():
    """597 KiB of zeros were 600 MiB."""
    packed, ring = zlib.compress(bytes(2**27)), gzip.compress(bytes(2**27))
    tracemalloc.start()
    for read, data in ((ring_files.inflated, packed), (ring_files.content, ring)):
        with pytest.raises(ValueError, match=r"is larger than 100000 bytes|is no ring"):
            read(data, 100_000)
    with pytest.raises(ValueError, match="is larger than 100000 bytes"):
        ring_files.content(rings.ring_file(1, rows=[[0] * 2**20], part_shift=12), 100_000)
    assert ring_files.facts(ring)["version"] is None
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**24


def test_what_is_inflated_is_what_was_packed():
    assert ring_files.inflated(zlib.compress(b"x" * 10**6), 10**6) == b"x" * 10**6
