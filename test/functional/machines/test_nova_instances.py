"""A disk of a compute node's own for its machines' disks, and nova-compute that waits for it."""

import copy
import pathlib
import shutil

import pytest
from controller import NODE, Site
from disks import Disk, run

TARGET = pathlib.Path("/var/lib/nova/instances")
KEPT = pathlib.Path("/etc/openstack_ha/nova-instances")
UNIT = "openstack-ha-nova-instances"
CHECK = "/usr/libexec/openstack_ha/nova-instances-there"
MACHINE = pathlib.Path("/etc/libvirt/qemu/instance-of-a-test.xml")
STATE = "openstack_ha_nova_instances_mounted"


@pytest.fixture(scope="module")
def disk():
    # Not below /tmp, which is in memory.
    folder = pathlib.Path("/var/lib/test-disks")
    folder.mkdir(exist_ok=True)
    made = Disk("vdb", folder, TARGET)
    yield made
    run("systemctl", "stop", "nova-compute", UNIT, check=False)
    run("systemctl", "disable", UNIT, check=False)
    KEPT.unlink(missing_ok=True)
    made.detach()


@pytest.fixture(scope="module")
def site(cluster, disk, tmp_path_factory):
    """The compute node, on which no machine has been."""
    run("systemctl", "stop", "nova-compute", check=False)
    shutil.rmtree(TARGET, ignore_errors=True)
    cluster = copy.deepcopy(cluster)
    cluster["nodes"][NODE]["roles"] = ["controller", "compute"]
    cluster["nodes"][NODE]["compute"] = {"instances": {"path": str(disk.path)}}
    cluster["network"]["provider"] = "nova_network"
    made = Site(tmp_path_factory.mktemp("instances"), cluster)
    made.apply("nova.config")
    return made


@pytest.fixture
def blank(site, disk):
    """The node with its disk blank and not mounted."""
    run("umount", TARGET, check=False)
    disk.blank()
    return site


@pytest.fixture
def mounted(site):
    """The node with its disk, as states leave it."""
    run("umount", TARGET, check=False)
    site.apply("nova.instances")
    return site


def mount(site, test=False):
    return site.loaders.states.openstack_ha_nova_instances.mounted(str(TARGET), test=test)


def changes_of(result):
    return {one.id: one.changes for one in result}[STATE]


def test_a_blank_disk_is_shown_formatted_and_mounted(blank, disk):
    # Before the package and the unit are there.
    shown = changes_of(blank.sls("openstack_ha.nova.instances", test=True))
    assert disk.signatures() == "" and not TARGET.is_mount()
    assert changes_of(blank.sls("openstack_ha.nova.instances")) == shown
    assert shown["mount"]["new"] == str(TARGET)
    assert TARGET.is_mount() and TARGET.owner() == "nova"
    assert "xfs" in disk.signatures()
    assert mount(blank).changes == {}
    label = run("blkid", "--probe", "--match-tag", "LABEL", "--output", "value", disk.path).stdout
    assert label.strip() == NODE


def test_nobody_but_root_writes_below_it(mounted):
    run("umount", TARGET)
    assert (TARGET.owner(), TARGET.stat().st_mode & 0o022) == ("root", 0)
    run("systemctl", "restart", UNIT)
    assert TARGET.is_mount() and TARGET.owner() == "nova"


def test_a_node_that_is_installed_anew_finds_its_machines(mounted):
    (TARGET / "machine").write_text("its disk")
    run("umount", TARGET)
    KEPT.unlink()
    assert mount(mounted).result is True
    assert (TARGET / "machine").read_text() == "its disk"


FOREIGN = {
    "another file system": ("mkfs.ext4", "-q", "-L", "theirs"),
    "another node's machines": ("mkfs.xfs", "-q", "-L", "cmp2"),
    "swap space": ("mkswap",),
    "a partition table": ("sh", "-c", "printf '\\125\\252' | dd of=$0 bs=1 seek=510 status=none"),
}


@pytest.mark.parametrize("test", [True, False])
@pytest.mark.parametrize("kind", FOREIGN)
def test_whatever_is_on_a_disk_stays(blank, disk, kind, test):
    run(*FOREIGN[kind], disk.path)
    before = disk.signatures()
    found = mount(blank, test=test)
    assert (found.result, found.changes) == (False, {})
    assert f"{disk.path} is not blank" in found.comment
    assert kind != "another node's machines" or "label cmp2" in found.comment
    assert disk.signatures() == before and not TARGET.is_mount()


def test_what_is_in_the_folder_is_not_hidden(blank, disk):
    machine = TARGET / "machine"
    machine.mkdir(parents=True)
    try:
        found = mount(blank)
        assert (found.result, disk.signatures()) == (False, "")
        assert "has 1 entries, as machine, which" in found.comment
    finally:
        machine.rmdir()


@pytest.fixture
def machine():
    """A machine that libvirt knows; its disk is not there."""
    path = TARGET / "3f2a" / "disk"
    MACHINE.parent.mkdir(parents=True, exist_ok=True)
    MACHINE.write_text(f"<domain>\n<disk>\n      <source file='{path}'/>\n</disk>\n</domain>\n")
    yield path
    MACHINE.unlink()


def test_a_disk_that_is_not_mounted_is_named(mounted):
    assert run(CHECK).returncode == 0
    run("umount", TARGET)
    found = run(CHECK, check=False)
    assert found.returncode == 1
    assert f"is not mounted at {TARGET}: `systemctl restart {UNIT}` mounts it" in found.stderr


def test_machines_without_a_single_disk_are_named(mounted, machine):
    found = run(CHECK, check=False)
    assert found.returncode == 1 and str(machine) in found.stderr
    machine.parent.mkdir()
    machine.touch()
    assert run(CHECK).returncode == 0
    shutil.rmtree(machine.parent)


def test_nova_compute_does_not_start_without_it(mounted):
    modules = mounted.loaders.modules
    modules.state.sls_id("openstack_ha_nova.compute_unit", "openstack_ha.nova.compute")
    run("systemctl", "daemon-reload")
    run("umount", TARGET)
    try:
        assert run("systemctl", "start", "nova-compute", check=False).returncode
        said = run("journalctl", "--unit=nova-compute", "--lines=20", "--output=cat").stdout
        assert f"is not mounted at {TARGET}" in said
        assert list(TARGET.iterdir()) == []
    finally:
        run("systemctl", "stop", "nova-compute")
