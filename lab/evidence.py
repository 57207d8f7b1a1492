"""What a host can tell of a failure, kept before the host goes."""

from __future__ import annotations

import subprocess
from pathlib import Path

from .host import Host

# What is said now, and is in no file: a file's name -> the command that tells it.
TOLD = {
    "journal.log": ("journalctl", "--boot", "--no-pager", "--output=short-iso-precise"),
    "units.txt": ("systemctl", "--no-pager", "--failed", "--full"),
    "processes.txt": ("ps", "-ef", "--forest"),
    "sockets.txt": ("ss", "-Hantup"),
    "addresses.txt": ("ip", "-brief", "address"),
}
# Logs, and what a master has kept of its decisions; Salt's tests have all of it below /tmp.
FILES = (
    r"find /var/log /var/cache/salt /tmp -xdev -type f ! -name '[bw]tmp' ! -name '*[lt]log' "
    r"\( -path '/var/log/*' ! -path '/var/log/journal/*' ! -path '/var/log/apt/*' "
    r"-o -path '/tmp/*.log' -o -path '*/openstack_ha/*.json' \) -size -64M -print0 "
    r"| tar --create --null --files-from=- --ignore-failed-read --warning=none"
)


def collect(host: Host, folder: Path) -> None:
    """Copy what a host has to tell into a folder, which is made; one without power has its disk."""
    folder.mkdir(parents=True, exist_ok=True)
    if host.state != "running":
        pieces, _ = host.container.get_archive("/var/log")
        _unpack(b"".join(pieces), folder / "var")
        return
    for name, argv in TOLD.items():
        done = host.run(argv, timeout=60)
        (folder / name).write_text(done.out + done.err, encoding="utf-8")
    archive = subprocess.run(host.exec(["sh", "-c", FILES]), capture_output=True, check=False)
    _unpack(archive.stdout, folder)


def _unpack(archive: bytes, folder: Path) -> None:
    """Unpack what a host has packed; a file that grew meanwhile is worth what there is of it."""
    folder.mkdir(parents=True, exist_ok=True)
    argv = ["tar", "--extract", "--directory", str(folder), "--no-same-owner"]
    subprocess.run(
        [*argv, "--no-same-permissions"], input=archive, capture_output=True, check=False
    )
