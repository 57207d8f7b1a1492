"""What becomes of a block device, by what is on it."""

import openstack_ha_disk
import openstack_ha_swift_device as device
import pytest
from disk_status import BLANK, serving

UUID = device.identity("demo", "f00d", "sto1", "sdb")
ASKED = {
    "name": "sdb",
    "path": "/dev/sdb",
    "target": "/srv/node/sdb",
    "uuid": UUID,
    "filesystem": "xfs",
    "is_failed": False,
}
SERVES = serving(UUID)


def plan(found, **asked):
    return device.plan({**ASKED, **asked}, {**BLANK, **found})


def test_a_cluster_its_hash_path_a_node_and_a_name_make_the_identity():
    others = [
        ("other", "f00d", "sto1", "sdb"),
        ("demo", "beef", "sto1", "sdb"),
        ("demo", "f00d", "sto2", "sdb"),
        ("demo", "f00d", "sto1", "sdc"),
    ]
    assert len({UUID, *(device.identity(*other) for other in others)}) == 5
    assert device.identity("demo", "f00d", "sto1", "sdb") == UUID


def test_a_blank_disk_is_formatted_and_mounted():
    found = plan({})
    assert found["steps"] == ["format", "mount", "enable", "own"]
    assert found["changes"]["filesystem"]["new"] == f"xfs {UUID}"


def test_a_device_that_serves_is_left_alone():
    assert plan(SERVES) == {"steps": [], "changes": {}, "refusals": []}


def test_the_nodes_own_disk_is_mounted_wherever_the_kernel_has_put_it():
    for signatures in (None, [{"type": "ext4"}]):
        found = plan({"elsewhere": "/dev/sdq", "signatures": signatures, "error": "no /dev/sdb"})
        assert found["steps"] == ["mount", "enable", "own"]


@pytest.mark.parametrize(
    "found",
    [
        {"signatures": [{"type": "ext4", "label": "theirs", "uuid": "1-2"}]},
        {"signatures": [{"type": "gpt"}]},
        {"signatures": [{"type": "data of an unknown kind"}]},
        {"signatures": [{"type": "xfs", "uuid": device.identity("demo", "f00d", "sto2", "sdb")}]},
        {"holder": "something uses it"},
        {"signatures": None, "error": "there is no /dev/sdb"},
        {**SERVES, "mounted": {"source": "/dev/sdc", "uuid": "other"}},
        {**SERVES, "error": "Input/output error"},
        {**SERVES, "mounted": {"source": "/dev/sdb", "uuid": None}, "error": "gone"},
    ],
)
def test_anything_else_is_refused_by_name(found):
    plans = plan(found)
    assert plans["steps"] == [] and plans["changes"] == {}
    assert "sdb" in plans["refusals"][0]


@pytest.mark.parametrize(
    "found", [BLANK, SERVES, {**SERVES, "error": "Input/output error"}, {"signatures": None}]
)
def test_a_failed_device_is_unmounted_and_never_formatted(found):
    steps = plan(found, is_failed=True)["steps"]
    assert steps == (["disable", "unmount"] if {**BLANK, **found}["mounted"] else [])


@pytest.mark.parametrize("filesystem", ["xfs", "ext4"])
def test_no_disk_is_formatted_by_force(filesystem):
    argv = openstack_ha_disk.mkfs(filesystem, "/dev/sdb", "a-name-that-is-long", UUID)
    assert argv[0] == f"mkfs.{filesystem}" and argv[-1] == "/dev/sdb"
    assert not {"-f", "-F", "--force"} & set(argv)
    assert any(UUID in word for word in argv)
    assert len(argv[argv.index("-L") + 1]) <= 12
