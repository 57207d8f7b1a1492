"""
What of nova-network's networks and floating addresses is to be changed, for what the cluster file
names.

A change is ``{verdict, subject, old, new, arguments}``, or a refusal ``{verdict: refuse, subject,
old, new, why, way_out}``. What was found is as ``openstack_ha_nova_network`` has it.
"""

import openstack_ha_nova_network

PAGE = "docs/systems/nova_network.md"
CANNOT_CHANGE = "A network cannot change"
NOT_NAMED = "Something is there that the cluster file does not name"
# Nova's own, where a network is made without a name server; nobody asks it then.
NOVAS_DNS = "8.8.4.4"
# What goes makes room for what comes; what a person ends holds nothing else up.
ORDER = (
    "remove_network",
    "remove_floating",
    "create_network",
    "assign_network",
    "create_floating",
    "refuse",
)


def changes(section, found):
    """
    Return what is to be changed, in its order; refusals, which a person ends, come last.

    section
        The cluster file's ``nova_network``.

    found
        What is in the database.
    """
    some = [*_networks(section, found["networks"]), *_floating(section, found["floating"])]
    return sorted(some, key=lambda one: ORDER.index(one["verdict"]))


def shown(some):
    """
    Return changes as a state shows them: ``{subject: {"old", "new"}}``.

    some
        What ``changes`` returns.
    """
    found = {}
    for one in some:
        # Of a network that goes and comes again, the first has what is there.
        before = found.setdefault(one["subject"], {"old": one["old"]})
        before["new"] = one["new"]
    return found


def _networks(section, there):
    named = section["networks"]
    labels = [one["label"] for one in there]
    found, free = [], _free_vlans(section, there)
    for one in there:
        if one["label"] not in named:
            found.append(_not_named(section, one))
        elif labels.count(one["label"]) > 1:
            found.append(_twice(one, labels.count(one["label"])))
        else:
            found += _differing(section, one)
    for name, one in named.items():
        if name not in labels:
            vlan = one.get("vlan") or (next(free, None) if section["manager"] == "vlan" else None)
            found += _creation(section, name, vlan, there)
    return found


def _free_vlans(section, there):
    """Those from which a network without one of its own gets it."""
    taken = {one.get("vlan") for one in [*section["networks"].values(), *there]}
    return (one for one in range(section["vlan_start"], 4095) if one not in taken)


def _creation(section, name, vlan, there):
    import netaddr

    one = section["networks"][name]
    own = netaddr.IPNetwork(one["range"])
    if any(own in _ip(other) or _ip(other) in own for other in there):
        # That one goes first, or is refused.
        return []
    network = {
        "label": name,
        "range": one["range"],
        "gateway": one.get("gateway"),
        "dns": one["dns"],
        "vlan": vlan,
        "project": one.get("project"),
        "bridge": f"br{vlan}" if vlan else section["bridge"],
        "interface": section["interface"],
    }
    return [_change("create_network", f"network {name}", None, one["range"], network=network)]


def _ip(network):
    import netaddr

    return netaddr.IPNetwork(network["range"])


def _differing(section, there):
    """What Nova can change of a network is whose it is; nothing of one that machines use."""
    name = there["label"]
    have, want = _compared(section, there)
    differing = [key for key in want if have[key] != want[key]]
    if not differing:
        return []
    subject, is_used = f"network {name}", there["machines"] or there["nodes"]
    if differing == ["project"] and not there["machines"]:
        return [
            _change(
                "assign_network",
                subject,
                f"project {have['project']}",
                f"project {want['project']}",
                cidr=there["range"],
                project=want["project"],
            )
        ]
    old = ", ".join(f"{key} {_word(have[key])}" for key in differing)
    new = ", ".join(f"{key} {_word(want[key])}" for key in differing)
    if section["prune"] and not is_used:
        return [_removal(there, old, new)]
    why = f"the network {name} is there with {old}, and the cluster file has {new}"
    first = f"put {old} back into nova_network:networks:{name}"
    if not is_used:
        first = f"{first}, or set nova_network:prune: true"
    return [_refusal(subject, old, new, why=why, title=CANNOT_CHANGE, first=first)]


def _compared(section, there):
    """What is there and what is wanted, of what the cluster file says."""
    own = section["networks"][there["label"]]
    range_ = _ip(own)
    dns = own["dns"] or ([NOVAS_DNS] if there["dns"] == [NOVAS_DNS] else [])
    want = {
        "range": str(range_),
        "gateway": own.get("gateway") or str(range_[1]),
        "dns": dns,
        "is_multi_host": True,
    }
    if section["manager"] == "flat_dhcp":
        # With VLANs, Nova gives a network that is everybody's to the first project that asks.
        want |= {"vlan": None, "bridge": section["bridge"], "project": own.get("project")}
    else:
        want |= {key: own[key] for key in ("vlan", "project") if own.get(key)}
    return {**there, "range": str(_ip(there))}, want


def _not_named(section, there):
    subject = f"network {there['label']}"
    is_used = there["machines"] or there["nodes"]
    if section["prune"] and not is_used:
        return _removal(there, there["range"], None)
    why = (
        f"the network {there['label']} ({there['range']}) is not in the cluster file, "
        f"{there['machines']} machines and {there['nodes']} compute nodes have an address of it"
    )
    first = "name it in nova_network:networks"
    if not is_used:
        first = f"{first}, or set nova_network:prune: true"
    return _refusal(subject, there["range"], None, why=why, title=NOT_NAMED, first=first)


def _twice(there, times):
    why = f"{times} networks have the name {there['label']}, and nobody says which one is meant"
    subject = f"network {there['label']}"
    first = "take one away"
    return _refusal(subject, there["range"], there["range"], why=why, title=NOT_NAMED, first=first)


def _removal(there, old, new):
    subject = f"network {there['label']}"
    cidr, project = there["range"], there["project"]
    return _change("remove_network", subject, old, new, cidr=cidr, project=project)


def _floating(section, there):
    import netaddr

    want = {
        pool: openstack_ha_nova_network.addresses(one["ranges"])
        for pool, one in section["floating_pools"].items()
    }
    have = {pool: netaddr.IPSet([*one["free"], *one["taken"]]) for pool, one in there.items()}
    everywhere = netaddr.IPSet()
    for own in have.values():
        everywhere |= own
    found = []
    for pool in [*have, *(one for one in want if one not in have)]:
        own, named = have.get(pool, netaddr.IPSet()), want.get(pool, netaddr.IPSet())
        if own - named:
            found += _surplus(section, pool, own - named, netaddr.IPSet(there[pool]["taken"]))
        # An address has one pool; one that is in another comes when it has gone there.
        missing = named - everywhere
        if missing:
            found.append(
                _change(
                    "create_floating",
                    f"floating pool {pool}",
                    _count(own),
                    _count(named),
                    pool=pool,
                    ranges=openstack_ha_nova_network.blocks(missing),
                )
            )
    return found


def _surplus(section, pool, surplus, taken):
    """Addresses of a pool that are not named: they go, or somebody has them."""
    subject = f"floating pool {pool}"
    free, used = surplus - taken, surplus & taken
    if section["prune"] and free:
        found = [
            _change(
                "remove_floating",
                subject,
                _count(surplus),
                _count(used),
                ranges=openstack_ha_nova_network.blocks(free),
            )
        ]
    else:
        found = []
    left = used if section["prune"] else surplus
    if left:
        some = ", ".join(str(one) for one in left.iter_cidrs()[:5])
        why = f"the floating pool {pool} has {some}, which the cluster file does not name"
        first = "name them in nova_network:floating_pools"
        if used:
            why = f"{why}, and somebody has {len(used)} of its addresses"
        else:
            first = f"{first}, or set nova_network:prune: true"
        found.append(_refusal(subject, _count(left), None, why=why, title=NOT_NAMED, first=first))
    return found


def _count(addresses):
    return ", ".join(str(one) for one in addresses.iter_ipranges()) or None


def _word(value):
    return ", ".join(value) or "none" if isinstance(value, list) else str(value)


def _change(verdict, subject, old, new, **arguments):
    return {
        "verdict": verdict,
        "subject": subject,
        "old": old or "absent",
        "new": new or "absent",
        "arguments": arguments,
    }


def _refusal(subject, old, new, *, why, title, first):
    return {
        "verdict": "refuse",
        "subject": subject,
        "old": old or "absent",
        "new": new or "absent",
        "why": why,
        "way_out": f"{first}; {PAGE}, '{title}'",
    }
