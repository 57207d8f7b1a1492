"""Hosts outside the cluster, on the lab's network, that are there for one file of tests."""

import contextlib

from lab import network
from lab.host import Host, Plan


@contextlib.contextmanager
def host(lab, name, number, image):
    """A host of an image, with the address of a number in the lab's network, while it is used."""
    cidr = lab.inventory["network"]["cidr"]
    plan = Plan(kind=name, id=name, address=network.address_of(cidr, number), image=image)
    made = Host.create(lab.docker, lab.name, plan)
    made.boot()
    made.wait_booted()
    try:
        yield made
    finally:
        made.container.remove(force=True, v=True)
