"""Block devices of this host's own, for what formats and mounts them."""

import fcntl
import os
import pathlib
import subprocess

LOOP_CTL_GET_FREE = 0x4C82


def run(*argv, check=True):
    return subprocess.run(argv, check=check, capture_output=True, text=True, timeout=300)


class Disk:
    """A block device of 400 MB over a sparse file, which is to be mounted at a target."""

    def __init__(self, name, folder, target):
        self.path, self.target = pathlib.Path("/dev", name), target
        self.file = folder / name
        self.attach()

    def attach(self):
        control = pathlib.Path("/dev/loop-control")
        if not control.exists():
            os.mknod(control, 0o020600, os.makedev(10, 237))
        with self.file.open("ab") as file:
            file.truncate(400 << 20)
        with control.open("rb") as opened:
            number = fcntl.ioctl(opened, LOOP_CTL_GET_FREE)
        self.loop = pathlib.Path(f"/dev/loop{number}")
        for path in (self.loop, self.path):
            path.unlink(missing_ok=True)
            os.mknod(path, 0o060600, os.makedev(7, number))
        run("losetup", self.loop, self.file)

    def detach(self):
        run("umount", "--lazy", self.target, check=False)
        run("losetup", "--detach", self.loop, check=False)
        for path in (self.path, self.file):
            path.unlink()

    def blank(self):
        with self.file.open("r+b") as file:
            file.truncate(0)
            file.truncate(400 << 20)
        run("blockdev", "--flushbufs", self.loop)

    def signatures(self):
        return run("wipefs", "--no-act", "--noheadings", "--output", "TYPE,UUID", self.path).stdout
