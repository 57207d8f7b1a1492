"""
Networks and floating addresses of nova-network: what is in the database against what the cluster
file names, and the arguments by which nova-manage changes one thing.

What was found there, as the evidence has it::

    networks  [{label, range, gateway, dns, vlan, project, bridge, is_multi_host, machines, nodes}]
              with how many machines and how many compute nodes have an address
    floating  {pool: {"free": [..], "taken": [..]}}, networks as CIDRs that hold the addresses

A change is ``{verdict, subject, old, new, arguments}``, or a refusal ``{verdict: refuse, subject,
old, new, why, way_out}``.
"""

import openstack_ha_db_sync
import openstack_ha_machines_network

PAGE = "docs/systems/nova_network.md"
CANNOT_CHANGE = "A network cannot change"
NOT_NAMED = "Something is there that the cluster file does not name"
# Nova's own, where a network is made without a name server; nobody asks it then.
NOVAS_DNS = "8.8.4.4"

# A million addresses nova-manage refuses to make at once.
MOST_BITS = 19

NETWORK = {
    "label": str,
    "range": str,
    "gateway": (None, str),
    "dns": [str],
    "vlan": (None, int),
    "project": (None, str),
    "bridge": (None, str),
    "is_multi_host": bool,
    "machines": int,
    "nodes": int,
}
FOUND = {
    "networks": (None, [NETWORK]),
    "floating": (None, {str: {"free": [str], "taken": [str]}}),
}


def asks_own_servers(section):
    """
    Return whether the nodes' dnsmasq ask the networks' own name servers and not their node's, as
    Nova's ``use_network_dns_servers`` has it.

    section
        The cluster file's ``nova_network``.
    """
    return any(one["dns"] for one in section["networks"].values())


def is_able(said):
    """
    Return whether a controller can tell what is in the database, and change it.

    said
        Its evidence, of the right shape.
    """
    return (
        said["is_ready"]
        and said["pending"] in openstack_ha_db_sync.HARMLESS
        and said["networks"] is not None
        and said["floating"] is not None
        and _are_ranges(said)
    )


def told(networks, fixed, floating):
    """
    Return what was found, of the database's rows.

    networks
        Rows of id, label, cidr, gateway, dns1, dns2, vlan, project_id, bridge, multi_host.

    fixed
        Rows of network's id, number of machines' addresses, number of nodes' addresses.

    floating
        Rows of pool, address, whether somebody has it.
    """
    import netaddr

    used = {row[0]: [int(count or 0) for count in row[1:]] for row in fixed}
    pools = {}
    for pool, address, is_taken in floating:
        one = pools.setdefault(pool, {"free": [], "taken": []})
        one["taken" if is_taken else "free"].append(address)
    return {
        "networks": [_network(row, *used.get(row[0], (0, 0))) for row in networks],
        "floating": {
            pool: {
                key: [str(cidr) for cidr in netaddr.cidr_merge(some)] for key, some in one.items()
            }
            for pool, one in pools.items()
        },
    }


def _are_ranges(found):
    """Whether every range and address is one."""
    import netaddr

    try:
        for one in found["networks"]:
            netaddr.IPNetwork(one["range"])
        for pool in found["floating"].values():
            netaddr.IPSet([*pool["free"], *pool["taken"]])
    except (netaddr.AddrFormatError, ValueError):
        return False
    return True


def _network(row, machines, nodes):
    _, label, cidr, gateway, dns1, dns2, vlan, project, bridge, is_multi_host = row
    return {
        "label": label,
        "range": cidr,
        "gateway": gateway,
        "dns": [one for one in (dns1, dns2) if one],
        "vlan": vlan,
        "project": project,
        "bridge": bridge,
        "is_multi_host": bool(is_multi_host),
        "machines": machines,
        "nodes": nodes,
    }


def changes(section, found):
    """
    Return what is to be changed, in its order; refusals, which a person ends, come last.

    section
        The cluster file's ``nova_network``.

    found
        As above.
    """
    some = [*_networks(section, found["networks"]), *_floating(section, found["floating"])]
    # What goes makes room for what comes.
    return sorted(some, key=lambda one: _ORDER.index(one["verdict"]))


_ORDER = (
    "remove_network",
    "remove_floating",
    "create_network",
    "assign_network",
    "create_floating",
    "refuse",
)


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


def create_arguments(network):
    """
    Return nova-manage's arguments that make a network.

    network
        As the arguments of the change have it.
    """
    import netaddr

    given = {
        "label": network["label"],
        "fixed_range_v4": network["range"],
        # Else Nova cuts the range into pieces of 256.
        "num_networks": "1",
        "network_size": str(netaddr.IPNetwork(network["range"]).size),
        "multi_host": "T",
        "bridge": network["bridge"],
        "bridge_interface": network["interface"],
        "gateway": network["gateway"],
        "vlan": network["vlan"] and str(network["vlan"]),
        "project_id": network["project"],
        **{f"dns{number}": one for number, one in enumerate(network["dns"], 1)},
    }
    words = [word for key, value in given.items() if value for word in (f"--{key}", value)]
    return ["network", "create", *words]


def assign_arguments(cidr, project):
    """
    Return nova-manage's arguments that give a network to a project.

    cidr
        The network's range.

    project
        The project's id, None for everybody.
    """
    whose = ["--project", project] if project else ["--disassociate-project"]
    return ["network", "modify", "--fixed_range", cidr, *whose]


def held(found, ranges):
    """
    Return the floating addresses in ranges that somebody has, as ranges.

    found
        As above.

    ranges
        As ``blocks`` makes them.
    """
    import netaddr

    taken = netaddr.IPSet([cidr for one in found["floating"].values() for cidr in one["taken"]])
    return [str(one) for one in (taken & _union(ranges)).iter_ipranges()]


def blocks(addresses):
    """
    Return the ranges of which nova-manage takes exactly these addresses: of a network it leaves out
    the first and the last one.

    addresses
        A set of netaddr's.
    """
    import netaddr

    found = []
    for run in addresses.iter_ipranges():
        found += _blocks(run.first, run.last)
    return [
        str(netaddr.IPAddress(first) if bits == 0 else netaddr.IPNetwork((first, 32 - bits)))
        for first, bits in found
    ]


def _blocks(first, last):
    """Of a run of addresses, as pairs of a network's first address and its bits."""
    if last < first:
        return []
    for bits in range(min((last - first + 3).bit_length(), MOST_BITS), 1, -1):
        size = 1 << bits
        # The network's own address may lie just before the run, and the last one just behind it.
        base = -(-(first - 1) // size) * size
        if base + size - 2 <= last:
            end = base + size - 1
            return [*_blocks(first, base), (base, bits), *_blocks(end, last)]
    return [(one, 0) for one in range(first, last + 1)]


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

    want = {pool: _union(one["ranges"]) for pool, one in section["floating_pools"].items()}
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
                    ranges=blocks(missing),
                )
            )
    return found


def _union(ranges):
    import netaddr

    found = netaddr.IPSet()
    for text in ranges:
        found |= openstack_ha_machines_network.floating_addresses(text)
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
                ranges=blocks(free),
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
