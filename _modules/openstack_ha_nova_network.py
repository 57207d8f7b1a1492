"""
nova-network: the machines' networks and floating addresses in this controller's database, and what
this compute node has of them.

What is in the database changes by the word of the master's runner of the same name.
"""

import json
import pathlib

from salt.exceptions import CommandExecutionError

__virtualname__ = "openstack_ha_nova_network"

MANAGE_TIMEOUT = 600
# Where nova-network keeps what its dnsmasq read, a few files a bridge.
FOLDER = pathlib.Path("/var/lib/nova/networks")
ROWS = {
    "networks": "SELECT id, label, cidr, gateway, dns1, dns2, vlan, project_id, bridge, multi_host "
    "FROM nova.networks WHERE deleted = 0 ORDER BY id",
    # A node's own address has the host and no machine.
    "fixed": "SELECT network_id, SUM(allocated), SUM(host IS NOT NULL AND instance_uuid IS NULL) "
    "FROM nova.fixed_ips WHERE deleted = 0 AND network_id IS NOT NULL GROUP BY network_id",
    "floating": "SELECT pool, address, project_id IS NOT NULL OR fixed_ip_id IS NOT NULL "
    "FROM nova.floating_ips WHERE deleted = 0",
}


def __virtual__():
    return __virtualname__


def evidence():
    """
    Return what the master decides by; ``openstack_ha_nova_network_rule`` explains it.

    Raises CommandExecutionError when something cannot be told.

    CLI Example:

    .. code-block:: bash

        salt ctl1 openstack_ha_nova_network.evidence
    """
    is_ready, found = __salt__["openstack_ha_db_sync.is_ready"]("nova"), _found()
    return {
        "is_ready": is_ready,
        "pending": __salt__["openstack_ha_db_sync.pending"]("nova") if is_ready else None,
        "networks": found and found["networks"],
        "floating": found and found["floating"],
    }


def changes():
    """
    Return what is to be changed in the database for what this node's pillar names, as ``changes``
    of the utils module describes it; None when the database does not answer.

    CLI Example:

    .. code-block:: bash

        salt ctl1 openstack_ha_nova_network.changes
    """
    found = _found()
    return (
        None
        if found is None
        else __utils__["openstack_ha_nova_network_changes.changes"](_own(), found)
    )


def create_network(network):
    """
    Make a network; the master's word only.

    network
        ``{label, range, gateway, dns, vlan, project, bridge, interface}``.

    Returns ``{"created": label}``.

    Raises CommandExecutionError when nova-manage fails.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha_coordinator.plan demo nova_network
    """
    _manage(__utils__["openstack_ha_nova_network.create_arguments"](network))
    return {"created": network["label"]}


def assign_network(cidr, project):
    """
    Give a network to a project; the master's word only.

    cidr
        Its range.

    project
        The project's id, None for everybody.

    Returns ``{"assigned": cidr}``.

    Raises CommandExecutionError when nova-manage fails.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha_coordinator.plan demo nova_network
    """
    _manage(__utils__["openstack_ha_nova_network.assign_arguments"](cidr, project))
    return {"assigned": cidr}


def remove_network(cidr, project):
    """
    Remove a network that nobody uses; the master's word only.

    cidr
        Its range.

    project
        The id of the project whose it is, None for everybody's.

    Returns ``{"removed": cidr}``.

    Raises CommandExecutionError when nova-manage fails, as where a machine has an address of it.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha_coordinator.plan demo nova_network
    """
    if project:
        # Nova deletes none that is a project's.
        assign_network(cidr, None)
    _manage(["network", "delete", "--fixed_range", cidr])
    return {"removed": cidr}


def create_floating(pool, ranges):
    """
    Make floating addresses; the master's word only.

    pool
        Their pool.

    ranges
        As nova-manage takes them.

    Returns ``{"created": ranges}``.

    Raises CommandExecutionError when nova-manage fails.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha_coordinator.plan demo nova_network
    """
    for one in ranges:
        _manage(["floating", "create", "--ip_range", one, "--pool", pool])
    return {"created": ranges}


def remove_floating(ranges):
    """
    Remove floating addresses that nobody has; the master's word only.

    ranges
        As nova-manage takes them.

    Returns ``{"removed": ranges}``.

    Raises CommandExecutionError when nova-manage fails, or somebody has one of them by now: Nova
    does not look.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha_coordinator.plan demo nova_network
    """
    for one in ranges:
        found = _found()
        held = found and __utils__["openstack_ha_nova_network.held"](found, [one])
        if held is None or held:
            told = f"somebody has {', '.join(held)}" if held else "the database does not answer"
            raise CommandExecutionError(
                f"the floating addresses {one} are not removed: {told}; "
                "`salt-run openstack_ha_coordinator.plan CLUSTER nova_network` shows what is known"
            )
        _manage(["floating", "delete", "--ip_range", one])
    return {"removed": ranges}


def interface_faults(interface):
    """
    Return why an interface cannot join the bridges of the compute nodes, as lines with what mends
    each; none when it can, or has joined.

    interface
        Its name.

    Raises CommandExecutionError when `ip` fails.

    CLI Example:

    .. code-block:: bash

        salt 'cmp*' openstack_ha_nova_network.interface_faults eth1
    """
    links = {link["ifname"]: link for link in _ip(["address", "show"])}
    if interface not in links:
        return __utils__["openstack_ha_nova_network_node.absent"](
            interface, sorted(links), __opts__["id"]
        )
    routes = [
        route
        for family in ("-4", "-6")
        for route in _ip([family, "route", "show", "default", "dev", interface])
    ]
    return __utils__["openstack_ha_nova_network_node.interface_faults"](
        links[interface], routes, _own(), __opts__["id"]
    )


def node_status():
    """
    Return what this compute node has of its machines' networks.

    Returns ``{"bridges": {bridge: {"machines": int, "addresses": [..] or None, "is_serving":
    bool}}, "nat": [rules of nova-network], "public": [addresses of the public interface]}``:
    how many machines dnsmasq knows, the bridge's addresses (None without the bridge), and whether
    its dnsmasq runs.

    Raises CommandExecutionError when `ip` or `iptables` fails.

    CLI Example:

    .. code-block:: bash

        salt 'cmp*' openstack_ha_nova_network.node_status
    """
    view = __salt__["openstack_ha.view"]()
    links = {link["ifname"]: _addresses(link) for link in _ip(["address", "show"])}
    bridges = [path.stem.removeprefix("nova-") for path in sorted(FOLDER.glob("nova-*.conf"))]
    public = view["nova_network"].get("public_interface", view["self"]["interface"])
    return {
        "bridges": {
            bridge: {
                "machines": len(_lines(bridge, "conf")),
                "addresses": links.get(bridge),
                "is_serving": _is_serving(bridge),
            }
            for bridge in bridges
        },
        "nat": [
            rule
            for rule in _run(["iptables", "-w", "-t", "nat", "-S"]).splitlines()
            if rule.startswith("-A nova-network-")
        ],
        "public": links.get(public, []),
    }


def _own():
    return __salt__["openstack_ha.view"]()["nova_network"]


def _found():
    """What is in the database, None when it does not answer."""
    rows = {name: __salt__["openstack_ha_db_sync.rows"](one) for name, one in ROWS.items()}
    if None in rows.values():
        return None
    return __utils__["openstack_ha_nova_network.told"](**rows)


def _manage(arguments):
    __salt__["openstack_ha_db_sync.manage"]("nova", arguments, MANAGE_TIMEOUT)


def _ip(words):
    return json.loads(_run(["ip", "-json", *words]) or "[]")


def _run(argv):
    result = __salt__["cmd.run_all"](argv, python_shell=False)
    if result["retcode"]:
        raise CommandExecutionError(
            f"`{' '.join(argv)}` on {__opts__['id']} ended with {result['retcode']}: "
            f"{result['stderr'].strip()}"
        )
    return result["stdout"]


def _addresses(link):
    return [one["local"] for one in link["addr_info"] if one.get("scope") == "global"]


def _lines(bridge, kind):
    try:
        return (FOLDER / f"nova-{bridge}.{kind}").read_text(encoding="utf-8").split()
    except FileNotFoundError:
        return []


def _is_serving(bridge):
    """As nova-network itself tells its own dnsmasq from another process of that number."""
    pid = next(iter(_lines(bridge, "pid")), None)
    try:
        command = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()
    except FileNotFoundError:
        return False
    return f"nova-{bridge}.conf".encode() in command
