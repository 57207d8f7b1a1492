"""A node's disks: what is on one is found out before anything is done to it."""

import errno
import os
import types

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
    module.calls, module.results = [], {}

    def run(argv, python_shell, timeout, ignore_retcode):
        assert (python_shell, bool(timeout)) == (False, True)
        module.calls.append(argv)
        return module.results.get(argv[0], {"retcode": 0, "stdout": "", "stderr": ""})

    module.__salt__ = {
        "cmd.run_all": run,
        "openstack_ha.view": lambda: VIEW,
        "openstack_ha_swift_conf.wanted_fingerprint": lambda: "f00d",
    }
    module.FOLDER = str(tmp_path / "units")
    return module


def said(stdout="", retcode=0):
    return {"retcode": retcode, "stdout": stdout, "stderr": "no"}


def test_a_disk_with_signatures_or_unknown_data_is_not_blank(node, tmp_path):
    disk = tmp_path / "disk"
    disk.write_bytes(bytes(5000))
    assert node._signatures(str(disk)) == []
    disk.write_bytes(bytes(5000) + b"data")
    assert node._signatures(str(disk)) == [{"type": "data of an unknown kind"}]
    node.results["wipefs"] = said('{"signatures": [{"type": "xfs"}]}')
    assert node._signatures(str(disk)) == [{"type": "xfs"}]
    node.results["wipefs"] = said(retcode=1)
    with pytest.raises(CommandExecutionError, match="cannot be looked at"):
        node._signatures(str(disk))
    node.results.clear()
    with pytest.raises(CommandExecutionError, match="cannot be read"):
        node._signatures(str(tmp_path / "absent"))


@pytest.mark.parametrize(("number", "holder"), [(errno.EBUSY, "something uses it"), (None, None)])
def test_a_disk_in_use_has_a_holder(node, number, holder):
    def open_(path, flags):
        assert flags & os.O_EXCL
        if number:
            raise OSError(number, "busy")
        return 7

    node.os = types.SimpleNamespace(
        open=open_, close=lambda handle: None, O_RDONLY=os.O_RDONLY, O_EXCL=os.O_EXCL
    )
    assert node._holder("/dev/sdb") == holder


def test_a_disk_that_cannot_be_opened_is_not_free(node):
    with pytest.raises(CommandExecutionError, match="cannot be opened"):
        node._holder("/dev/no-such-disk")


def test_a_search_that_fails_finds_nothing_out(node):
    node.results["blkid"] = said("/dev/sdd\n/dev/sde\n")
    assert node._with_uuid("u") == "/dev/sdd"
    node.results["blkid"] = said(retcode=2)
    assert node._with_uuid("u") is None
    node.results["blkid"] = said(retcode=4)
    with pytest.raises(CommandExecutionError, match="cannot look for UUID=u"):
        node._with_uuid("u")


def test_a_refused_disk_is_left_alone(node):
    node.plan = lambda name: {"steps": ["format"], "changes": {}, "refusals": ["another node's"]}
    node._STEPS = {"format": lambda asked: pytest.fail("it is formatted")}
    assert node.apply("sdb")["refusals"]


def test_a_device_is_looked_at_again_after_all_steps(node):
    done, plans = [], [["format", "mount"], []]
    node.plan = lambda name: {"steps": plans.pop(0), "changes": {}, "refusals": []}
    node._STEPS = {one: lambda asked, one=one: done.append(one) for one in ("format", "mount")}
    node.apply("sdb")
    assert done == ["format", "mount"]
    plans.extend([["mount"], ["mount"]])
    with pytest.raises(CommandExecutionError, match="not as it should after all steps: mount"):
        node.apply("sdb")


def test_a_name_that_is_no_device_is_named(node):
    with pytest.raises(CommandExecutionError, match="'sdx' is not among openstack_ha:nodes:sto1"):
        node.plan("sdx")


def test_devices_that_drain_are_kept_and_failed_ones_are_not(node, tmp_path):
    assert node.names() == ["sdb"]
    (tmp_path / "units").mkdir()
    for name in ("sdc", "sdz"):
        (tmp_path / "units" / name).touch()
    assert node.names() == ["sdb", "sdz"]


def test_a_unit_is_told_what_it_mounts_and_started_anew(node, tmp_path):
    asked = {"name": "sdb", "target": str(tmp_path / "srv" / "sdb"), "uuid": "u"}
    node._mount(asked)
    assert (tmp_path / "units" / "sdb").read_text(encoding="utf-8").endswith("UUID=u\n")
    assert (tmp_path / "units" / "sdb").stat().st_mode & 0o777 == 0o644
    assert node.calls == [["systemctl", "restart", "openstack-ha-swift-device@sdb.service"]]
    node.results["systemctl"] = said(retcode=1)
    with pytest.raises(CommandExecutionError, match="sdb cannot be mounted"):
        node._mount(asked)


def test_a_dead_disk_is_let_go_of(node):
    node._unmount({"target": "/srv/node/sdb"})
    assert node.calls == [["umount", "--lazy", "/srv/node/sdb"]]
    node.results["umount"] = said(retcode=1)
    with pytest.raises(CommandExecutionError, match="umount --lazy"):
        node._unmount({"target": "/srv/node/sdb"})
