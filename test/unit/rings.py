"""Ring files as Swift writes them, of the cluster that the tests have."""

import array
import gzip
import json
import sys

import openstack_ha_cluster
import openstack_ha_swift_ring
import openstack_ha_swift_ring_file as ring_files
from support import example

POWER = 4
REPLICAS = 3


def desired(ring="object", cluster=None):
    """Return a ring as the cluster file wants it."""
    whole = openstack_ha_cluster.complete(cluster or example())
    return openstack_ha_swift_ring.desired(whole, ring)


def devices(ring="object", cluster=None):
    """Return the devices of a ring as Swift has them, with the weights of the cluster file."""
    wanted = desired(ring, cluster)["devices"].values()
    found = [{key: value for key, value in one.items() if key != "failed"} for one in wanted]
    return [dict(one, id=at) for at, one in enumerate(found)]


def even(found):
    """Return the numbers of all parts' devices, one row a replica, with parts for each device."""
    parts = 2**POWER
    numbers = [one["id"] for one in found if one and one["weight"]]
    every = [numbers[at % len(numbers)] for at in range(parts * REPLICAS)]
    return [every[parts * row : parts * (row + 1)] for row in range(REPLICAS)]


def ring_file(version, found=None, rows=None, ring="object", byteorder=sys.byteorder, **more):
    """Return a ring file; ``more`` are further keys of its head."""
    found = devices(ring) if found is None else found
    rows = even(found) if rows is None else rows
    head = {
        "version": version,
        "devs": found,
        "part_shift": ring_files.BITS - POWER,
        "replica_count": len(rows),
        "byteorder": byteorder,
        **more,
    }
    text = json.dumps(head).encode()
    packed = ring_files.HEAD.pack(ring_files.MAGIC, ring_files.FORMAT, len(text)) + text
    for row in rows:
        numbers = array.array("H", row)
        if byteorder != sys.byteorder:
            numbers.byteswap()
        packed += numbers.tobytes()
    return gzip.compress(packed, mtime=0)
