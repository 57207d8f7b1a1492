"""
Networks and floating addresses of nova-network in the database, and the arguments by which
nova-manage changes one thing.

What was found there, as the evidence has it::

    networks  [{label, range, gateway, dns, vlan, project, bridge, is_multi_host, machines, nodes}]
              with how many machines and how many compute nodes have an address
    floating  {pool: {"free": [..], "taken": [..]}}, networks as CIDRs that hold the addresses
"""

import openstack_ha_db_sync
import openstack_ha_machines_network

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
    return [str(one) for one in (taken & addresses(ranges)).iter_ipranges()]


def addresses(ranges):
    """
    Return the floating addresses of ranges as a set of netaddr's.

    ranges
        As the cluster file or ``blocks`` has them.
    """
    import netaddr

    found = netaddr.IPSet()
    for text in ranges:
        found |= openstack_ha_machines_network.floating_addresses(text)
    return found


def blocks(some):
    """
    Return the ranges of which nova-manage takes exactly these addresses: of a network it leaves out
    the first and the last one.

    some
        A set of netaddr's.
    """
    import netaddr

    found = []
    for run in some.iter_ipranges():
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
