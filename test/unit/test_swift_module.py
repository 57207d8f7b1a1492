"""Swift's rings on a node: staged in pieces, checked, and served at once and as a whole."""

import base64
import gzip
import json
import os
import zlib

import openstack_ha_swift_ring_file as ring_files
import pytest
import salt.payload
from runners import load, utils
from salt.exceptions import CommandExecutionError

RINGS = ["account", "object"]


def ring_file(version):
    known = json.dumps({"version": version, "devs": []}).encode()
    head = ring_files.HEAD.pack(ring_files.MAGIC, ring_files.FORMAT, len(known))
    return gzip.compress(head + known, mtime=0)


@pytest.fixture
def node(tmp_path, monkeypatch):
    """The module on a node whose folders are below one."""
    module = load("_modules", "openstack_ha_swift", __utils__=utils(), __opts__={"id": "sto1"})
    module.SERVED, module.BUILT = tmp_path / "served", tmp_path / "built"
    module.GIVEN, module.RECEIPTS = tmp_path / "lib" / "given", tmp_path / "lib" / "receipts"
    module.SERVED.mkdir()
    view = {"swift": {"rings": dict.fromkeys(RINGS)}, "nodes": {}, "self": {"id": "sto1"}}
    module.__salt__ = {"openstack_ha.view": lambda: view}
    module.owned = []
    monkeypatch.setattr(
        module.shutil, "chown", lambda path, *who, **more: module.owned.append((path.name, who))
    )
    return module


def stage(node, data, name="object.ring.gz", size=40):
    md5 = ring_files.md5(data)
    for offset in range(0, len(data), size):
        piece = base64.b64encode(data[offset : offset + size]).decode()
        found = node.stage(name, md5, offset, piece, len(data))
    return md5, found


def test_a_ring_is_staged_in_pieces_and_served_by_one_rename(node, monkeypatch):
    data = ring_file(1)
    synced = []
    monkeypatch.setattr(
        node.os, "fsync", lambda handle: synced.append(os.path.isdir(f"/proc/self/fd/{handle}"))
    )
    md5, found = stage(node, data)
    assert found == {"is_whole": True}
    assert len(synced) == -(-len(data) // 40), "each piece is on the disk"
    (staged,) = node.SERVED.iterdir()
    assert staged.stat().st_mode & 0o777 == 0o600
    assert node._served() == {}, "Swift reads no such name"
    inode = staged.stat().st_ino
    synced.clear()
    assert node.serve_ring("object", md5, []) == {"md5": md5, "version": 1}
    (path,) = node.SERVED.iterdir()
    assert (path.name, path.stat().st_ino) == ("object.ring.gz", inode)
    assert path.stat().st_mode & 0o777 == 0o640
    assert True in synced, "its name is on the disk"
    assert node.owned == [(".object.ring.gz.staged", ("root", "swift"))]


def test_a_piece_that_is_missing_or_another_is_refused(node):
    data = ring_file(1)
    md5 = ring_files.md5(data)
    first = base64.b64encode(data[:10]).decode()
    node.stage("object.ring.gz", md5, 0, first, len(data))
    with pytest.raises(CommandExecutionError, match="has 10 bytes, and the next piece begins at"):
        node.stage("object.ring.gz", md5, 20, first, len(data))
    with pytest.raises(CommandExecutionError, match="has md5"):
        node.stage("object.ring.gz", md5, 10, base64.b64encode(bytes(len(data))).decode(), 20)
    node.stage("object.ring.gz", md5, 0, first, len(data))
    assert (node.SERVED / ".object.ring.gz.staged").read_bytes() == data[:10]


def test_only_what_was_staged_is_served(node):
    md5, _found = stage(node, ring_file(1))
    (node.SERVED / ".object.ring.gz.staged").write_bytes(b"another")
    with pytest.raises(CommandExecutionError, match="the master begins again"):
        node.serve_ring("object", md5, [])
    assert node._served() == {}


def test_a_ring_that_the_master_has_not_seen_is_not_replaced(node):
    first, _found = stage(node, ring_file(1))
    node.serve_ring("object", first, [])
    second, _found = stage(node, ring_file(2))
    with pytest.raises(CommandExecutionError, match="since the master has looked"):
        node.serve_ring("object", second, ["else"])
    assert node._served()["object"]["version"] == 1
    node.serve_ring("object", second, [first])
    assert node._served()["object"]["version"] == 2


def test_what_is_missing_is_named_with_its_reason(node):
    assert node.missing() == {"account": "absent", "object": "absent"}
    md5, _found = stage(node, ring_file(1))
    node.serve_ring("object", md5, [])
    (node.SERVED / "account.ring.gz").write_bytes(b"nonsense")
    assert node.missing() == {"account": "not a ring"}
    (node.SERVED / "account.ring.gz").write_bytes(ring_file(1))
    assert node.missing() == {}
    (node.SERVED / "object.ring.gz").write_bytes(ring_file(7))
    assert node.missing() == {"object": "not the ring that the master gave"}


def test_a_parcel_is_the_builder_with_its_ring(node):
    node.BUILT.mkdir()
    with pytest.raises(CommandExecutionError, match="object.builder is missing"):
        node.parcel("object")
    content = {"builder": b"\x80builder" + os.urandom(1000), "ring": ring_file(3)}
    (node.BUILT / "object.builder").write_bytes(content["builder"])
    (node.BUILT / "object.ring.gz").write_bytes(content["ring"])
    node.PIECE = 300
    whole, packed = node.parcel("object"), b""
    while len(packed) < whole["size"]:
        packed += base64.b64decode(node.parcel("object", len(packed))["data"])
    assert ring_files.md5(packed) == whole["md5"]
    assert salt.payload.loads(zlib.decompress(packed)) == content


def test_a_copy_that_comes_back_is_checked_and_becomes_one_of_the_owners(node):
    node.BUILT.mkdir()
    content = {"builder": b"\x80builder", "ring": ring_file(3)}
    (node.BUILT / "object.builder").write_bytes(content["builder"])
    (node.BUILT / "object.ring.gz").write_bytes(content["ring"])
    packed = base64.b64decode(node.parcel("object")["data"])
    restored = []
    node.__salt__["openstack_ha_swift_ring.restore"] = lambda ring, name: restored.append(name)
    md5, _found = stage(node, packed, "object.parcel")
    with pytest.raises(CommandExecutionError, match="the master begins again"):
        node.take_back("object", "another")
    assert restored == []
    node.take_back("object", md5)
    (name,) = restored
    folder = node.BUILT / "backups" / "object"
    assert (folder / f"{name}.builder").read_bytes() == content["builder"]
    assert (folder / f"{name}.ring.gz").read_bytes() == content["ring"]
    assert not (node.BUILT / ".object.parcel.staged").exists()


def test_receipts_are_kept_as_a_whole(node):
    assert node.receipts() == {}
    assert node.acknowledge({"object": {"md5": "a"}}) == {"object": {"md5": "a"}}
    before = node.RECEIPTS.stat().st_ino
    node.acknowledge({"object": {"md5": "b"}})
    assert node.RECEIPTS.stat().st_ino != before
    node.RECEIPTS.write_text("{", encoding="utf-8")
    assert node.receipts() == {}, "a full disk has cut it"


@pytest.mark.parametrize(
    ("kind", "known", "expected"),
    [
        ("object", {"object_replication_last": 1000, "object_replication_time": 2}, 880),
        ("account", {"replication_last": 1000, "replication_time": 2}, 998),
        ("account", {"replication_last": None, "replication_time": 2}, None),
        ("object", {"object_replication_last": 1000}, None),
    ],
)
def test_a_pass_of_replication_has_its_unit(node, kind, known, expected):
    found = node._last_pass(kind, known)
    assert found == (expected and {"started": expected, "completed": 1000})


def test_a_server_that_does_not_answer_has_no_pass(node, monkeypatch):
    def connection(address, port, timeout):
        assert timeout
        raise OSError("no route")

    monkeypatch.setattr(node.http.client, "HTTPConnection", connection)
    assert node._ask_recon("10.0.0.1", 6200, "object") == {}
