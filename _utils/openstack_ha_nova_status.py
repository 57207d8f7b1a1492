"""
What of Nova is not as it should be, as lines for ``openstack_ha.status``.
"""


def faults(cluster, told):
    """
    Return a line for each service that is down or disabled, and each host in no cell, with the
    command that mends it.

    cluster
        ``{name, nodes}`` of a complete cluster.

    told
        What ``openstack_ha_nova_status.status`` of a controller returns.
    """
    nodes = {node["hostname"]: one for one, node in cluster["nodes"].items()}
    lines = [line for one in told["services"] for line in _of_a_service(one, nodes)]
    command = f"`salt-run openstack_ha_coordinator.answer {cluster['name']} nova`"
    return lines + [
        f"{host} is in no cell, and gets no machines: {command}" for host in told["unmapped"]
    ]


def _of_a_service(one, nodes):
    host, binary, options = one["host"], one["binary"], f"{one['host']} {one['binary']}"
    if host not in nodes:
        yield (
            f"{binary} of {host} is of no node of the cluster file: "
            f"`openstack compute service delete {one['id']}`"
        )
        return
    if one["is_forced_down"]:
        yield (
            f"{binary} of {host} counts as down by a person's word: "
            f"`openstack compute service set --up {options}`"
        )
    elif not one["is_up"]:
        yield (
            f"{binary} of {host} has last reported {one['silent_for']} s ago: "
            f"`salt {nodes[host]} service.restart {binary}`"
        )
    if one["is_disabled"]:
        reason = f" ({one['reason']})" if one["reason"] else ""
        yield (
            f"{binary} of {host} is disabled{reason}: "
            f"`openstack compute service set --enable {options}`"
        )
