"""What a node remembers of the hash path that its objects were stored with."""

import json

import pytest
from runners import load, utils
from salt.exceptions import CommandExecutionError

VIEW = {"swift": {"policies": {"Policy-0": {"index": 0}}}}


@pytest.fixture
def node(tmp_path):
    module = load("_modules", "openstack_ha_swift_conf", __utils__=utils())
    module.secrets = {"swift:hash_path_prefix": "prefix", "swift:hash_path_suffix": "suffix"}
    module.__salt__ = {
        "openstack_ha.view": lambda: VIEW,
        "openstack_ha.secret": lambda path: module.secrets[path],
    }
    module.where = {
        "path": str(tmp_path / "swift.conf"),
        "memory": str(tmp_path / "lib" / "memory"),
    }
    return module


def test_a_node_remembers_what_it_gets_as_a_whole(node, tmp_path, monkeypatch):
    found = node.guard(**node.where)
    assert (found["objections"], bool(found["changes"])) == ([], True)
    synced = []
    monkeypatch.setattr(node.os, "fsync", synced.append)
    node.remember(**node.where)
    assert len(synced) == 1
    assert [path.name for path in (tmp_path / "lib").iterdir()] == ["memory"]
    assert node.guard(**node.where) == {"objections": [], "changes": {}}
    text = (tmp_path / "lib" / "memory").read_text(encoding="utf-8")
    assert list(json.loads(text)) == ["hash_path", "policies"]
    assert "prefix" not in text, "no secret is kept"


def test_another_hash_path_is_an_objection_and_not_remembered(node, tmp_path):
    node.remember(**node.where)
    before = (tmp_path / "lib" / "memory").read_bytes()
    node.secrets["swift:hash_path_suffix"] = "another"
    assert node.guard(**node.where)["objections"]
    with pytest.raises(CommandExecutionError):
        node.remember(**node.where)
    assert (tmp_path / "lib" / "memory").read_bytes() == before


def test_a_file_of_another_hash_path_is_an_objection(node, tmp_path):
    text = "[swift-hash]\nswift_hash_path_prefix = prefix\nswift_hash_path_suffix = other\n"
    (tmp_path / "swift.conf").write_text(text, encoding="utf-8")
    assert node.guard(**node.where)["objections"]
    assert "does not have the hash path" in node.unready(node.where["path"])


def test_what_cannot_be_read_is_not_absent(node, tmp_path):
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "memory").write_text("{", encoding="utf-8")
    with pytest.raises(CommandExecutionError, match="cannot be read"):
        node.guard(**node.where)
