"""A node's block devices: what is on one is found out before anything is done to it."""

import errno
import os
import types

import pytest
from runners import load, utils
from salt.exceptions import CommandExecutionError


@pytest.fixture
def node():
    module = load("_modules", "openstack_ha_disk", __utils__=utils())
    module.calls, module.results = [], {}

    def run(argv, python_shell, timeout, ignore_retcode):
        assert (python_shell, bool(timeout)) == (False, True)
        module.calls.append(argv)
        return module.results.get(argv[0], {"retcode": 0, "stdout": "", "stderr": ""})

    module.__salt__ = {"cmd.run_all": run}
    return module


@pytest.fixture
def asked(tmp_path):
    return {
        "name": "sdb",
        "path": "/dev/sdb",
        "target": str(tmp_path / "srv" / "sdb"),
        "uuid": "u",
        "filesystem": "xfs",
        "label": "sdb",
        "unit": "openstack-ha-swift-device@sdb.service",
        "kept": str(tmp_path / "units" / "sdb"),
        "origin": "openstack_ha.swift.storage",
        "owner": "swift",
        "is_failed": False,
    }


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


def test_a_refused_disk_is_left_alone(node, asked):
    node._STEPS = {"format": lambda asked: pytest.fail("it is formatted")}
    refused = {"steps": ["format"], "changes": {}, "refusals": ["another node's"]}
    assert node.apply(asked, lambda: refused) == refused


def test_a_device_is_looked_at_again_after_all_steps(node, asked):
    done, plans = [], [["format", "mount"], []]

    def plan():
        return {"steps": plans.pop(0), "changes": {}, "refusals": []}

    node._STEPS = {one: lambda asked, one=one: done.append(one) for one in ("format", "mount")}
    node.apply(asked, plan)
    assert done == ["format", "mount"]
    plans.extend([["mount"], ["mount"]])
    with pytest.raises(CommandExecutionError, match="sdb is not as it should after all steps: mou"):
        node.apply(asked, plan)


def test_a_unit_is_told_what_it_mounts_and_started_anew(node, asked, tmp_path):
    node._mount(asked)
    kept = tmp_path / "units" / "sdb"
    assert kept.read_text(encoding="utf-8").endswith("UUID=u\n")
    assert kept.stat().st_mode & 0o777 == 0o644
    # One of a folder of devices is a device.
    assert os.listdir(kept.parent) == ["sdb"]
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
