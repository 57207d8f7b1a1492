"""A node's disks: what is on one is found out before anything is done to it."""

import pytest
from runners import load, utils
from salt.exceptions import CommandExecutionError

VIEW = {
    "name": "demo",
    "self": {
        "id": "sto1",
        "storage": {
            "devices": {
                "sdb": {"path": "/dev/sdb", "failed": False},
                "sdc": {"path": "/dev/sdc", "failed": True},
            }
        },
    },
    "swift": {"devices": {"kind": "disks", "root": "/srv/node", "filesystem": "xfs"}},
}


@pytest.fixture
def node(tmp_path):
    module = load("_modules", "openstack_ha_swift_device", __utils__=utils())
    module.__salt__ = {
        "openstack_ha.view": lambda: VIEW,
        "openstack_ha_swift_conf.wanted_fingerprint": lambda: "f00d",
    }
    module.FOLDER = str(tmp_path / "units")
    return module


def test_a_name_that_is_no_device_is_named(node):
    with pytest.raises(CommandExecutionError, match="'sdx' is not among openstack_ha:nodes:sto1"):
        node.plan("sdx")


def test_devices_that_drain_are_kept_and_failed_ones_are_not(node, tmp_path):
    assert node.names() == ["sdb"]
    (tmp_path / "units").mkdir()
    for name in ("sdc", "sdz"):
        (tmp_path / "units" / name).touch()
    assert node.names() == ["sdb", "sdz"]
