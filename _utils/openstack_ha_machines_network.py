"""
Whether the machines' networks of a cluster file can be: who gives them, ranges, floating addresses.
"""

import itertools
import re

PROVIDED = ("nova_network",)
# The last release whose nova-network runs; network:provider decides for it.
LAST_WITH_NOVA_NETWORK = "rocky"
# Each address is a row in the database; Nova refuses as many floating ones itself.
MOST_ADDRESSES = 10**6
# Such a range is read address by address.
MOST_IN_A_RANGE = 4096
# Below that, Nova takes addresses one by one, and leaves none of them out.
SMALLEST_NETWORK = 4
IPV4 = 4
# What nova-network keeps of a range: the network's own address, the gateway, the broadcast address,
# and with a VLAN the one of a VPN that nobody runs any more.
KEPT = {"flat_dhcp": 3, "vlan": 4}
PROJECT_ID = re.compile(r"[0-9a-f]{32}")


def faults(cluster, nodes, is_whole):
    """
    Return what is wrong, a line each.

    cluster
        The cluster file's content with its defaults.

    nodes
        Its nodes by id, with ranges expanded.

    is_whole
        Whether these are all nodes; a view does not have all.
    """
    found = _provider_faults(cluster, nodes)
    if cluster["network"].get("provider") != "nova_network":
        return found
    section = cluster["nova_network"]
    computes = [node for node in nodes.values() if "compute" in node["roles"]]
    ranges, lines = _ranges(section["networks"])
    found += lines
    found += _network_faults(section, ranges, len(computes) if is_whole else 0)
    found += _overlap_faults(ranges, cluster["network"]["management"])
    found += _interface_faults(section, computes)
    found += _snat_faults(section["snat_ranges"])
    return found + _floating_faults(cluster, nodes, ranges)


def floating_addresses(text):
    """
    Return the floating addresses of a range as a set of netaddr's, as Nova would take them: of a
    network not its own and not its broadcast address.

    text
        A network as a CIDR, a range such as ``192.0.2.10-19``, or an address.

    Raises ValueError when it is none of these, or too large.
    """
    import netaddr

    try:
        if "/" in text:
            return _hosts(_network(text))
        some = list(itertools.islice(netaddr.iter_nmap_range(text), MOST_IN_A_RANGE + 1))
    except (netaddr.AddrFormatError, ValueError, TypeError) as exc:
        raise ValueError(
            f"{text!r} is no network such as 192.0.2.64/28 and no range such as 192.0.2.10-19"
            f"{_told(exc)}"
        ) from exc
    if len(some) > MOST_IN_A_RANGE:
        raise ValueError(
            f"{text!r} has more than {MOST_IN_A_RANGE} addresses; write it as networks, or take "
            "fewer"
        )
    return netaddr.IPSet(some)


def _told(exc):
    """The reason where it is one of ours."""
    return f" ({exc})" if isinstance(exc, _RangeError) else ""


class _RangeError(ValueError):
    """A network that machines cannot have."""


def _network(text):
    import netaddr

    try:
        found = netaddr.IPNetwork(text)
    except (netaddr.AddrFormatError, ValueError):
        found = None
    if found is None or "/" not in text:
        raise _RangeError(f"{text!r} is no network such as 10.20.0.0/16")
    if found.version != IPV4:
        raise _RangeError(f"{text!r} is IPv6, which nova-network gives no machine here; take IPv4")
    if found.ip != found.network:
        raise _RangeError(f"{text!r} has host bits set; the network is {found.cidr}")
    return found


def _hosts(network):
    import netaddr

    if network.size >= MOST_ADDRESSES:
        raise _RangeError(f"{network} has {network.size} addresses, each a row; take fewer")
    ends = [network[0], network[-1]] if network.size >= SMALLEST_NETWORK else []
    return netaddr.IPSet(network) - netaddr.IPSet(ends)


def _provider_faults(cluster, nodes):
    provider = cluster["network"].get("provider")
    if provider is None:
        return [
            f"nodes:{name}:roles: the role compute needs network:provider, who gives machines "
            "their network; set network:provider: nova_network, or take the role away"
            for name, node in nodes.items()
            if "compute" in node["roles"]
        ]
    if provider not in PROVIDED:
        return [
            f"network:provider: {provider!r} is not there yet; take {', '.join(PROVIDED)}, or "
            "leave it out: then there are no machines"
        ]
    release = cluster.get("nova", {}).get("release", LAST_WITH_NOVA_NETWORK)
    if release != LAST_WITH_NOVA_NETWORK:
        return [
            f"nova:release: {release!r} has no nova-network: it went out of Nova, and no release "
            f"after {LAST_WITH_NOVA_NETWORK} runs it; leave nova:release out, which means "
            f"{LAST_WITH_NOVA_NETWORK}, or take network:provider: neutron once it is there"
        ]
    return []


def _ranges(networks):
    """The networks that are some, by name, and what is wrong with the others."""
    found, lines = {}, []
    for name, one in networks.items():
        path = f"nova_network:networks:{name}:range"
        try:
            network = _network(one["range"])
        except _RangeError as exc:
            lines.append(f"{path}: {exc}")
            continue
        if network.is_link_local() or network.is_multicast() or network.is_loopback():
            lines.append(f"{path}: {network} is reserved for other things; take e.g. 10.20.0.0/16")
            continue
        found[name] = network
    return found, lines


def _network_faults(section, ranges, computes):
    manager, networks = section["manager"], section["networks"]
    found = _count_faults(manager, networks)
    need = KEPT[manager] + computes + 1
    for name, network in ranges.items():
        path, one = f"nova_network:networks:{name}", networks[name]
        if network.size < need:
            found.append(
                f"{path}:range: {network} has {network.size} addresses, and {need} are needed: "
                f"{KEPT[manager]} are kept, each of {computes} compute nodes takes one, and one "
                "machine; take a larger range"
            )
        if network.size >= MOST_ADDRESSES:
            found.append(
                f"{path}:range: {network} has {network.size} addresses, each a row in the "
                "database; take a smaller range"
            )
        found += _gateway_faults(f"{path}:gateway", one.get("gateway"), network)
    for name, one in networks.items():
        found += _words_faults(f"nova_network:networks:{name}", one)
    return found + _dns_faults(networks) + _vlan_faults(manager, networks)


def _count_faults(manager, networks):
    if not networks:
        return [
            "nova_network:networks: there is none, and no machine has an address; name one with "
            "its range"
        ]
    if manager == "flat_dhcp" and len(networks) > 1:
        # One bridge has one dnsmasq, which serves the range that it was started with, and every
        # machine gets an interface in each network.
        return [
            f"nova_network:networks: {', '.join(networks)} are {len(networks)}, and flat_dhcp "
            "serves one; keep one, or set nova_network:manager: vlan"
        ]
    return []


def _gateway_faults(path, text, network):
    if text is None:
        return []
    address = _address(text)
    if address is None:
        return [f"{path}: {text!r} is no address"]
    if address not in network:
        return [f"{path}: {address} lies outside the range {network}"]
    if address in (network[0], network[-1]):
        return [f"{path}: {address} is the network's own or broadcast address"]
    return []


def _words_faults(path, one):
    found = [f"{path}:dns: {text!r} is no address" for text in one["dns"] if _address(text) is None]
    project = one.get("project")
    if project is not None and not PROJECT_ID.fullmatch(project):
        found.append(
            f"{path}:project: {project!r} is no project's id, which is what Nova compares; "
            "`openstack --os-cloud admin project show -f value -c id NAME` tells it"
        )
    return found


def _dns_faults(networks):
    """nova-network adds the servers of each network to those of the networks before it."""
    first, *others = list(networks) or [None]
    return [
        f"nova_network:networks:{name}:dns: is not that of {first}, and nova-network mixes the "
        "name servers of all networks; give every network the same, or none"
        for name in others
        if networks[name]["dns"] != networks[first]["dns"]
    ]


def _vlan_faults(manager, networks):
    found, owners = [], {}
    for name, one in networks.items():
        path, vlan = f"nova_network:networks:{name}:vlan", one.get("vlan")
        if vlan is None:
            continue
        if manager != "vlan":
            found.append(
                f"{path}: {vlan} is of nova_network:manager: vlan, and it is {manager}; "
                "machines get nothing from a network with a VLAN there; leave it out"
            )
        if vlan in owners:
            found.append(f"{path}: {vlan} is the VLAN of {owners[vlan]} too")
        owners.setdefault(vlan, name)
    return found


def _overlap_faults(ranges, management):
    found = [
        f"nova_network:networks:{two}:range: {ranges[two]} overlaps {ranges[one]} of {one}"
        for one, two in itertools.combinations(ranges, 2)
        if ranges[one] in ranges[two] or ranges[two] in ranges[one]
    ]
    try:
        own = _network(management)
    except _RangeError:
        # Named where the management network is checked, or of IPv6.
        return found
    return found + [
        f"nova_network:networks:{name}:range: {network} overlaps network:management {own}, where "
        "the nodes and the VIP are; take a range of the machines' own"
        for name, network in ranges.items()
        if network in own or own in network
    ]


def _interface_faults(section, computes):
    own, found = section["interface"], []
    for key in ("bridge", "public_interface"):
        if section.get(key) == own:
            found.append(
                f"nova_network:{key}: {own} is nova_network:interface, which has no address and "
                "is a port of the bridge; name another"
            )
    taken = sorted({node["hostname"] for node in computes if node.get("interface") == own})
    if taken:
        found.append(
            f"nova_network:interface: {own} has the address of {', '.join(taken)}; nova-network "
            "needs one without an address"
        )
    return found


def _snat_faults(ranges):
    found = []
    for number, text in enumerate(ranges):
        try:
            _network(text)
        except _RangeError as exc:
            found.append(f"nova_network:snat_ranges:{number}: {exc}")
    return found


def _floating_faults(cluster, nodes, ranges):
    import netaddr

    found, before = [], []
    others = _others(cluster, nodes, ranges)
    for pool, one in cluster["nova_network"]["floating_pools"].items():
        for number, text in enumerate(one["ranges"]):
            path = f"nova_network:floating_pools:{pool}:ranges:{number}"
            try:
                own = floating_addresses(text)
            except ValueError as exc:
                found.append(f"{path}: {exc}")
                continue
            for of, taken in [*others, *before]:
                common = own & netaddr.IPSet(taken)
                if common:
                    first = netaddr.IPAddress(next(iter(common)))
                    found.append(f"{path}: {text} has {first}, which is {of}; leave it out")
            before.append((f"in the range {text} of {pool} too", own))
    return found


def _others(cluster, nodes, ranges):
    """What is no floating address: pairs of what it is and the addresses."""
    found = [(f"an address of the network {name}", [one]) for name, one in ranges.items()]
    vip = _address(cluster["vip"]["address"])
    if vip is not None:
        found.append(("the VIP", [vip]))
    for name, node in nodes.items():
        address = _address(node["address"])
        if address is not None:
            found.append((f"the address of {name}", [address]))
    try:
        own = _network(cluster["network"]["management"])
    except _RangeError:
        return found
    return [*found, (f"the own or broadcast address of {own}", [own[0], own[-1]])]


def _address(text):
    import netaddr

    try:
        return netaddr.IPAddress(text)
    except (netaddr.AddrFormatError, ValueError):
        return None
