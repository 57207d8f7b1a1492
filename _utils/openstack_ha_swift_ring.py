"""
Swift's rings as the cluster file wants them.

A device is known by ``address/name``: its port, zone or weight may be edited, and it stays the
same device. The builder file has the state of a ring; what is to be done about the difference
stands in ``openstack_ha_swift_ring_plan``.
"""

import ipaddress

# What may change of a device without moving a part.
INFO = ("port", "replication_ip", "replication_port", "meta")
PLACE = ("region", "zone")
OPTIONS = ("ramp", "max_dispersion", "allow_fewer_zones", "wait_for_replication")
SETTINGS = ("part_power", "replicas", "min_part_hours", "overload")


def desired(cluster, ring):
    """
    Return a ring as the cluster file wants it.

    cluster
        A complete cluster, or the view of the rings' owner.

    ring
        ``account``, ``container``, ``object`` or ``object-<policy>``.

    Returns ``{"ring", "part_power", "replicas", "min_part_hours", "overload", "options",
    "devices"}``; ``devices`` maps ``address/name`` to ``region``, ``zone``, ``ip``, ``port``,
    ``replication_ip``, ``replication_port``, ``device``, ``weight``, ``meta`` and ``failed``.

    Raises ValueError when the cluster has no such ring.
    """
    rings = cluster["swift"]["rings"]
    if ring not in rings:
        raise ValueError(
            f"there is no ring {ring!r}; openstack_ha:swift:rings has {', '.join(sorted(rings))}"
        )
    settings = rings[ring]
    found = {}
    for node in cluster["nodes"].values():
        for name, device in node.get("storage", {}).get("devices", {}).items():
            if ring in device.get("rings", [ring]):
                facts = _device(node, name, device, settings)
                found[device_key(facts)] = facts
    return {
        "ring": ring,
        **{name: settings[name] for name in SETTINGS},
        "options": {name: settings[name] for name in OPTIONS},
        "devices": found,
    }


def _device(node, name, device, settings):
    storage, address = node["storage"], normal(node["address"])
    return {
        "region": storage["region"],
        "zone": storage["zone"],
        "ip": address,
        "port": settings["port"],
        "replication_ip": normal(storage.get("replication_address", address)),
        "replication_port": settings.get("replication_port", settings["port"]),
        "device": name,
        "weight": float(device["weight"]),
        "meta": device["meta"],
        "failed": device["failed"],
    }


def normal(address):
    """
    Return an address as Swift writes it, so that one address has one form.

    address
        IPv4, IPv6, or a host name, which only its case changes.
    """
    try:
        return str(ipaddress.ip_address(address))
    except ValueError:
        return address.lower()


def device_key(facts):
    """
    Return what a device is known by.

    facts
        A mapping with ``ip`` and ``device``.
    """
    return f"{normal(facts['ip'])}/{facts['device']}"


def place(facts):
    """
    Return region and zone of a device in Swift's own notation, such as ``r1z2``.

    facts
        A mapping with ``region`` and ``zone``.
    """
    return f"r{facts['region']}z{facts['zone']}"


def changes(steps, before, after):
    """
    Return the difference that a state shows, ``{what: {"old", "new"}}``.

    steps
        The steps of a plan.

    before
        The ring's facts, or None when there is none.

    after
        The facts after the steps, or None when they are not known.
    """
    found = {}
    for step in steps:
        found.update(_CHANGES[step["do"]](step))
    if after and steps:
        found["ring"] = {
            "old": _summary(before),
            "new": {**_summary(after), "moved": after["moved"]},
        }
    return found


def _summary(facts):
    if not facts:
        return "absent"
    known = facts["ring_file"] or {}
    return {
        "version": facts["version"],
        "md5": known.get("md5"),
        "balance": facts["balance"],
        "dispersion": facts["dispersion"],
    }


def _setting(name):
    return lambda step: {name: {"old": step["old"], "new": _target(step)}}


def _target(step):
    return step["new"] if step["new"] == step["wanted"] else f"{step['new']} of {step['wanted']}"


def _of_device(text_old, text_new):
    def shown(step):
        return {
            f"device {step['device']}": {
                "old": text_old(step),
                "new": text_new(step),
            }
        }

    return shown


def _weight(step):
    return f"weight {step['old']}"


_CHANGES = {
    "create": lambda step: {"parts": {"old": "absent", "new": 2 ** step["part_power"]}},
    "set_min_part_hours": _setting("min_part_hours"),
    "set_overload": _setting("overload"),
    "set_replicas": _setting("replicas"),
    "add": _of_device(
        lambda step: "absent", lambda step: f"weight {_target(step)} in {place(step['facts'])}"
    ),
    "set_weight": _of_device(_weight, lambda step: f"weight {_target(step)}"),
    "drain": _of_device(_weight, lambda step: f"weight {_target(step)}, to be removed"),
    "remove": _of_device(lambda step: f"{step['parts']} parts", lambda step: "absent"),
    "set_info": _of_device(lambda step: step["old"], lambda step: step["new"]),
    "rebalance": lambda step: {},
    "write_ring": lambda step: {},
}
