"""The lab's small disks, as a script and a unit."""

import subprocess

import pytest

from lab import disk, engine


def test_the_script_is_one_that_a_shell_reads():
    script = disk.mount_script("/var/lib/mysql", 100)
    subprocess.run(["sh", "-n"], input=script, text=True, check=True)


def test_a_disk_is_made_once_and_mounted_at_every_boot():
    making, mounting = disk.mount_script("/var/lib/mysql", 100).split("\nfi\n")
    assert "--size=100M" in making
    assert "mkfs" not in mounting
    assert mounting.strip() == 'mount -o loop "$disk" /var/lib/mysql'


def test_services_do_not_start_without_their_disk():
    lines = disk.unit(["mariadb.service", "other.service"]).splitlines()
    assert "Before=mariadb.service other.service" in lines
    assert "RequiredBy=mariadb.service other.service" in lines


@pytest.mark.parametrize("version", ["1", "2"])
def test_hosts_may_use_loop_devices(version):
    rules = engine.host_options(version, has_kvm=False)["device_cgroup_rules"]
    assert "b 7:* rwm" in rules
    assert "c 10:237 rwm" in rules
