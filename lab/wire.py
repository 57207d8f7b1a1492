"""The wire that joins the compute nodes' second interfaces: a switch without any address.

It is a bridge in a network namespace of this machine that is the lab's own: Docker's rules, which
see what passes every bridge beside them, have no say in what virtual machines send. A cable is gone
with the power of its host, and each boot plugs in a new one.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from .errors import LabError

INTERFACE = "eth1"
IS_PLUGGED = ("test", "-e", f"/sys/class/net/{INTERFACE}")
# On a host: its interfaces on the wire, for the unit lab-hypervisor.
LIST = "/etc/lab-hypervisor"
SWITCH = "switch"
NAMESPACES = Path("/run/netns")


def namespace(lab: str) -> str:
    """Return the name of the network namespace that has a lab's switch."""
    return f"{lab}-machines"


def plug(lab: str, address: str, pid: int) -> None:
    """Give the host of an address, whose first process has a PID here, its end of the wire."""
    inside = ["ip", "-n", namespace(lab)]
    if not (NAMESPACES / namespace(lab)).exists():
        _run(["ip", "netns", "add", namespace(lab)])
        _run([*inside, "link", "add", SWITCH, "type", "bridge"])
        _run([*inside, "link", "set", SWITCH, "addrgenmode", "none", "up"])
    # The kernel takes its time to remove what a host has left that lost its power.
    subprocess.run([*inside, "link", "delete", address], capture_output=True, check=False)
    peer = ["peer", "name", INTERFACE, "netns", str(pid)]
    _run([*inside, "link", "add", address, "type", "veth", *peer])
    _run([*inside, "link", "set", address, "master", SWITCH, "up"])


def remove(lab: str) -> None:
    """Remove a lab's switch with all of its cables, if there is one."""
    if (NAMESPACES / namespace(lab)).exists():
        _run(["ip", "netns", "delete", namespace(lab)])


def _run(argv: list[str]) -> None:
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode:
        raise LabError(
            f"`{' '.join(argv)}` ended with {done.returncode}: {done.stderr.strip()}. Networks of "
            "this machine are root's to make: sudo make lab"
        )
