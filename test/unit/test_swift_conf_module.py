"""What a node's swift.conf says of the hash path and the policies."""

import openstack_ha_guard
import pytest
from runners import load, utils
from salt.exceptions import CommandExecutionError

HASH_PATH = "swift_hash_path_prefix = prefix\nswift_hash_path_suffix = {}\n"


@pytest.fixture
def node(tmp_path):
    module = load("_modules", "openstack_ha_swift_conf", __utils__=utils())
    secrets = {"swift:hash_path_prefix": "prefix", "swift:hash_path_suffix": "suffix"}
    module.__salt__ = {"openstack_ha.secret": secrets.get}
    module.path = tmp_path / "swift.conf"
    return module


def test_a_file_says_what_may_never_change_and_no_secret(node):
    assert node.identity(str(node.path)) == {}
    node.path.write_text(f"[swift-hash]\n{HASH_PATH.format('suffix')}", encoding="utf-8")
    found = node.identity(str(node.path))
    assert openstack_ha_guard.is_memory(found) and all(map(openstack_ha_guard.is_guarded, found))
    assert found["swift:policies"] == {"value": {"0": "Policy-0"}}
    assert "prefix'" not in str(found.values()) and "suffix" not in str(found.values())
    assert node.fingerprint(str(node.path)) == node.wanted_fingerprint()
    assert node.unready(str(node.path)) is None


def test_a_file_of_another_hash_path_takes_no_ring(node):
    node.path.write_text(f"[swift-hash]\n{HASH_PATH.format('other')}", encoding="utf-8")
    assert "does not have the hash path" in node.unready(str(node.path))
    assert node.fingerprint(str(node.path)) != node.wanted_fingerprint()


def test_what_cannot_be_read_is_not_absent(node):
    node.path.write_text("no section\n", encoding="utf-8")
    with pytest.raises(CommandExecutionError, match="is not known"):
        node.identity(str(node.path))
