"""A node's memory of what a highstate cannot change, on its disk."""

import json

import openstack_ha_cluster
import pytest
from runners import load, utils
from salt.exceptions import CommandExecutionError
from support import example

HASH_PATH = "secrets:swift:hash_path_suffix"


@pytest.fixture
def node(tmp_path):
    """The module on a storage node that is the rings' owner, over a pillar that can be edited."""
    module = load("_modules", "openstack_ha_guard", __utils__=utils())
    conf = load("_modules", "openstack_ha_swift_conf", __utils__=utils())
    module.MEMORY = str(tmp_path / "lib" / "guards.json")
    module.swift_conf = tmp_path / "swift.conf"
    module.secrets = {"swift:hash_path_prefix": "the-prefix", "swift:hash_path_suffix": "the-end"}
    module.seen = openstack_ha_cluster.view(openstack_ha_cluster.complete(example()), "sto1")
    module.seen["self"] = {"id": "sto1"}
    module.__salt__ = {
        "openstack_ha.view": lambda: module.seen,
        "openstack_ha.secret": lambda path: module.secrets[path],
        "openstack_ha_swift_conf.identity": lambda: conf.identity(str(module.swift_conf)),
    }
    return module


def test_a_node_remembers_a_part_as_a_whole_and_for_root_alone(node, tmp_path, monkeypatch):
    assert node.objections() == [] and node.memory() == {}
    assert set(node.pending("swift")) == {
        "secrets:swift:hash_path_prefix",
        HASH_PATH,
        "swift:policies",
    }
    synced = []
    monkeypatch.setattr(node.os, "fsync", synced.append)
    node.remember("swift")
    assert len(synced) == 1
    (path,) = (tmp_path / "lib").iterdir()
    assert path.stat().st_mode & 0o777 == 0o600
    assert "the-end" not in path.read_text(encoding="utf-8"), "no secret is kept"
    assert node.pending("swift") == {} and node.objections() == []
    node.remember("swift.storage")
    assert {"name", HASH_PATH, "nodes:sto1:address"} <= set(node.memory())


def test_another_value_is_an_objection_and_not_remembered(node, tmp_path):
    node.remember("swift")
    before = (tmp_path / "lib" / "guards.json").read_bytes()
    node.secrets["swift:hash_path_suffix"] = "another"
    (line,) = node.objections()
    assert HASH_PATH in line
    with pytest.raises(CommandExecutionError, match=HASH_PATH):
        node.remember("swift.storage")
    assert (tmp_path / "lib" / "guards.json").read_bytes() == before


def test_swifts_own_file_remembers_what_the_memory_has_lost(node):
    text = "[swift-hash]\nswift_hash_path_prefix = the-prefix\nswift_hash_path_suffix = other\n"
    node.swift_conf.write_text(text, encoding="utf-8")
    (line,) = node.objections()
    assert HASH_PATH in line and "other" not in line.replace("another", "")
    # What both say is told once.
    node.swift_conf.unlink()
    node.remember("swift")
    node.swift_conf.write_text(text.replace("other", "the-end"), encoding="utf-8")
    assert node.objections() == []
    node.secrets["swift:hash_path_suffix"] = "another"
    assert len(node.objections()) == 1


def test_a_value_is_forgotten_alone(node):
    node.remember("swift")
    with pytest.raises(CommandExecutionError, match="'galera' is not guarded; guarded are name, "):
        node.forget("galera")
    assert node.forget("vip:address") == {"forgotten": False}
    assert node.forget(HASH_PATH) == {"forgotten": True}
    node.secrets["swift:hash_path_suffix"] = "another"
    assert node.objections() == []
    assert "secrets:swift:hash_path_prefix" in node.memory()


@pytest.mark.parametrize("text", ["{", "[]", json.dumps({HASH_PATH: {"value": "the-end"}})])
def test_what_cannot_be_read_is_not_absent(node, tmp_path, text):
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "guards.json").write_text(text, encoding="utf-8")
    for call in (node.objections, lambda: node.pending("swift"), node.memory):
        with pytest.raises(CommandExecutionError, match="remove the file") as told:
            call()
        assert "the-end" not in str(told.value)
