"""
What a compute node has of nova-network, and what is wrong with it.

nova-network makes bridge, gateway address and dnsmasq when the first machine comes, so a node
without machines has none of it, and nothing is wrong.
"""

import re

METADATA = "169.254.169.254/32"
FLOATING = re.compile(
    r"-A nova-network-PREROUTING -d (?P<address>[0-9.]+)/32 -j DNAT"
    r" --to-destination (?P<to>[0-9.]+)"
)
RESTART = "systemctl restart nova-network"


def absent(interface, known, node):
    """
    Return what is said of an interface that is not there, as a list of one line.

    interface
        Its name.

    known
        The node's interfaces.

    node
        The node's id.
    """
    return [
        f"{node} has no interface {interface}; it has {', '.join(known)}: name one without an "
        "address in nova_network:interface"
    ]


def interface_faults(link, routes, section, node):
    """
    Return why an interface cannot join the bridges, as lines with what mends each.

    link
        Of ``ip -json address show``.

    routes
        Default routes by it, of ``ip -json route show``.

    section
        The cluster file's ``nova_network``.

    node
        The node's id.
    """
    name = link["ifname"]
    lasting = f"and take it out of the configuration of {node}'s network, else it is back at boot"
    found = [
        f"{name} of {node} has the address {one['local']}/{one['prefixlen']}, and what joins a "
        f"bridge has none: `ip address del {one['local']}/{one['prefixlen']} dev {name}` there "
        f"takes it away, {lasting}; or name another in nova_network:interface"
        for one in link["addr_info"]
        if one.get("scope") == "global"
    ]
    for route in routes:
        by = f" via {route['gateway']}" if route.get("gateway") else ""
        found.append(
            f"{name} of {node} has the default route{by}, by which the node is reached: "
            f"`ip route del default{by} dev {name}` there takes it away, {lasting}; or name "
            "another in nova_network:interface"
        )
    if "UP" not in link["flags"]:
        found.append(
            f"{name} of {node} is down: `ip link set {name} up` there, and have its network's "
            "configuration do that at boot"
        )
    master = link.get("master")
    own = section["bridge"] if section["manager"] == "flat_dhcp" else None
    if master and master != own:
        wanted = f"of {own} alone" if own else "of no bridge"
        found.append(
            f"{name} of {node} is a port of {master}, and may be one {wanted}: "
            f"`ip link set {name} nomaster` there frees it"
        )
    return found


def node_faults(status, node):
    """
    Return what is wrong with a compute node's networks, a line each with the command that mends it.

    status
        What ``openstack_ha_nova_network.node_status`` returns.

    node
        The node's id.
    """
    mend = f"`salt {node} cmd.run '{RESTART}'` makes it again"
    used = {name: one for name, one in status["bridges"].items() if one["machines"]}
    found = []
    for bridge, one in used.items():
        machines = f"and {one['machines']} machines are on it; {mend}"
        if one["addresses"] is None:
            found.append(f"{node}: there is no bridge {bridge}, {machines}")
        elif not one["addresses"]:
            found.append(f"{node}: the bridge {bridge} has no address, {machines}")
        if not one["is_serving"]:
            found.append(f"{node}: no dnsmasq serves {bridge}, {machines}")
    if used and not any(f"-d {METADATA}" in rule for rule in status["nat"]):
        found.append(f"{node}: no rule leads machines to their metadata; {mend}")
    return found + _floating_faults(status, node, mend)


def _floating_faults(status, node, mend):
    ruled = [match for rule in status["nat"] if (match := FLOATING.match(rule))]
    return [
        f"{node}: the floating address {match['address']} of {match['to']} is on no interface "
        f"that is public; {mend}"
        for match in ruled
        if match["address"] not in status["public"]
    ]
