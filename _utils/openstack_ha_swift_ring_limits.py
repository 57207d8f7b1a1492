"""
What the owner of a ring may not decide: where devices are, what they weigh, how much it sends.

Whoever is root on the owner can send any ring, and the master gives it to every node. So the master
compares what came with its own cluster file and with the ring that it gave to the nodes before.
"""

import json
import math

import openstack_ha_swift_ring

# What Swift's servers, replication and placement go by.
FACTS = ("region", "zone", "ip", "port", "replication_ip", "replication_port", "device")
# Of a weight, which is a float.
NEAR = 1e-6
# Swift spreads by weight, and by zones before that: a device that is nearly alone in its zone has
# had up to 4.6 times its share, in 8,000 rebalances of rings of any kind by Swift 2.30. Of a few
# parts everything may be.
TIMES, FEW = 8, 32
# Bytes: of a device in the ring and in its builder, but for what is said of it in the cluster file
# (``meta``), which may be any text; of all else that is in those.
DEVICE, ELSE = 4096, 1 << 20


def most_bytes(desired, former):
    """
    Return how many bytes a ring may have together with its builder.

    desired
        The ring as the cluster file wants it, as ``openstack_ha_swift_ring.desired`` returns it.

    former
        The ring that was spread last, as ``openstack_ha_swift_ring_file.content`` returns it, or
        None.
    """
    rows = max(math.ceil(desired["replicas"]), former["replicas"] if former else 0) + 1
    devices = [*desired["devices"].values(), *(former["devices"] if former else ())]
    # Twice as many while an operator increases them; two bytes for each in the ring, and three in
    # the builder, which is a pickle, with two more for the age of each part.
    parts = 2 ** (desired["part_power"] + 1)
    return parts * (rows * 5 + 2) + sum(map(_device_bytes, devices)) + ELSE


def _device_bytes(device):
    """JSON escapes each letter that is not ASCII, in the ring; the builder has it as it is."""
    meta = device.get("meta", "")
    return DEVICE + len(json.dumps(meta)) + len(meta.encode())


def objections(desired, ring, former, is_kept):
    """
    Return why a ring may not be spread, a line each.

    desired, former
        As for ``most_bytes``.

    ring
        The ring that came, as ``openstack_ha_swift_ring_file.content`` returns it.

    is_kept
        Whether it is one that the master has had before, and gives back by a person's word: its
        devices are still to be the cluster's, and weigh and hold what they did.

    A device is one of the cluster file's, or was in the ring before and is drained. It is where one
    of the two says. Its weight is between that in the ring before and that of the cluster file, on
    its way from the one to the other; and it has not many times the parts that it has by that.
    """
    before = {
        openstack_ha_swift_ring.device_key(one): one for one in (former or {}).get("devices", ())
    }
    wanted, found, seen = desired["devices"], [], set()
    for one in ring["devices"]:
        key = openstack_ha_swift_ring.device_key(one)
        if key in seen:
            found.append(f"{key} is there twice")
        seen.add(key)
        known = [of[key] for of in (wanted, before) if key in of]
        if not known:
            found.append(f"{key} is no device of the cluster file, nor of the ring before")
            continue
        found += [
            f"{key} has the {name} {one[name]!r}, and neither the cluster file nor the ring before"
            for name in FACTS
            if one[name] not in [each[name] for each in known]
        ]
        if not is_kept:
            found += _weight_objections(key, one, wanted.get(key), before.get(key))
            found += _part_objections(key, one, ring, desired, before.get(key, {}).get("parts", 0))
    return found


def _weight_objections(key, one, wanted, before):
    target = wanted["weight"] if wanted and not wanted["failed"] else 0
    least, most = sorted((target, before["weight"] if before else 0))
    if least - NEAR <= one["weight"] <= most + NEAR:
        return
    yield f"{key} has the weight {one['weight']:g}, and may have {least:g} to {most:g}"


def _part_objections(key, one, ring, desired, former):
    total = sum(each["weight"] for each in ring["devices"])
    parts = 2 ** ring["part_power"]
    share = ring["replicas"] * parts * one["weight"] / total if total else 0
    most = max(former, FEW, math.ceil(TIMES * share * (1 + desired["overload"])))
    # Two replicas of a part are on one device only where there are fewer devices than replicas.
    live = sum(each["weight"] > 0 for each in ring["devices"])
    whole = parts * math.ceil(ring["replicas"] / max(live, 1))
    if one["parts"] > min(most, max(whole, former)):
        yield f"{key} has {one['parts']} parts, and by its weight {math.ceil(share)}"
