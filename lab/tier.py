"""A test tier that changes its host, run in a host of its own that is thrown away."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence

from . import engine, network
from .cluster import ROOT
from .host import Host, Plan
from .images import Images, Say

REPOSITORY = "/srv/repository"
PYTEST = "/opt/salt/bin/pytest"
# What the tiers look for before they change anything.
MARKS = ("OPENSTACK_HA_DISPOSABLE_HOST=1", "PYTHONDONTWRITEBYTECODE=1")
OPTIONS = ("--workdir", REPOSITORY, *(f"--env={mark}" for mark in MARKS))
# Beside the lab's own network, so that all can be there at once; the next free one if it is taken.
CIDRS = {"functional": "172.29.81.0/24", "cluster": "172.29.82.0/24"}
HOST_NUMBER = 11


def run(tier: str, arguments: Sequence[str], say: Say) -> int:
    """Run a tier's tests by pytest in a fresh host, show what it prints, return its exit code."""
    client = engine.connect()
    image = Images(client, say).tests()
    name = f"openstack-ha-{tier}"
    bridge = network.claim(client, name, CIDRS[tier])
    try:
        (cidr,) = network.subnets(bridge)
        plan = Plan(
            kind="tests",
            id="ctl1",
            address=network.address_of(cidr, HOST_NUMBER),
            image=image,
            mounts={str(ROOT): REPOSITORY},
        )
        host = Host.create(client, name, plan)
        try:
            host.boot()
            host.wait_booted()
            argv = [PYTEST, "-p", "no:cacheprovider", f"test/{tier}", *arguments]
            return subprocess.run(host.exec(argv, *OPTIONS), check=False).returncode
        finally:
            host.container.remove(force=True, v=True)
    finally:
        bridge.remove()
