"""A small disk of its own below a host's directory, for what happens when it is full.

The disk is a file in the host's own layer behind a loop device, so it keeps its content over a
power loss. Only the hosts of a machine with loop devices can have one.
"""

from __future__ import annotations

from collections.abc import Sequence

from .host import Host

SCRIPT = "/usr/local/sbin/lab-disk"
UNIT = "lab-disk.service"

LOOP_DEVICES = 64


def mount_script(path: str, megabytes: int) -> str:
    """Return the script that mounts the disk at `path`; a new one gets what is there so far."""
    return f"""#!/bin/sh
set -eu
disk=/var/lib/lab-disk.img
# The container's own /dev has no loop devices.
test -e /dev/loop-control || mknod /dev/loop-control c 10 237
for number in $(seq 0 {LOOP_DEVICES - 1}); do
    test -e "/dev/loop$number" || mknod "/dev/loop$number" b 7 "$number"
done
if ! test -e "$disk"; then
    truncate --size={megabytes}M "$disk.new"
    # No blocks for root only: the file system is full for everybody at once.
    mkfs.ext4 -q -m 0 "$disk.new"
    mkdir -p /mnt/lab-disk
    mount -o loop "$disk.new" /mnt/lab-disk
    rmdir /mnt/lab-disk/lost+found
    chown --reference={path} /mnt/lab-disk
    chmod --reference={path} /mnt/lab-disk
    cp -a {path}/. /mnt/lab-disk/
    umount /mnt/lab-disk
    mv "$disk.new" "$disk"
fi
mount -o loop "$disk" {path}
"""


def unit(services: Sequence[str]) -> str:
    """Return the unit that mounts the disk before the services start that use it."""
    return f"""[Unit]
Description=A small disk for {" ".join(services)}
Before={" ".join(services)}

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart={SCRIPT}

[Install]
RequiredBy={" ".join(services)}
"""


def install(host: Host, path: str, megabytes: int, services: Sequence[str]) -> None:
    """Give a host a disk at `path`, which it has from its next boot on."""
    host.write(SCRIPT, mount_script(path, megabytes), mode=0o755)
    host.write(f"/etc/systemd/system/{UNIT}", unit(services))
    host.check(["systemctl", "daemon-reload"])
    host.check(["systemctl", "enable", UNIT])


def is_installed(host: Host) -> bool:
    """Whether a host has its disk already."""
    return host.run(["systemctl", "is-enabled", UNIT]).rc == 0
