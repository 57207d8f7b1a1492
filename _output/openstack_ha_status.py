"""
Show what ``salt-run openstack_ha.status`` found as tables for people, a line for each controller
and each compute node.

With ``--out=json`` and the like Salt takes that outputter instead, and shows the plain data.
"""

import time

__virtualname__ = "openstack_ha_status"

CONTROLLERS = ("node", "VIP", "Galera", "data", "RabbitMQ", "HAProxy")
COMPUTE = ("node", "nova-compute", "machines", "networks")
# As much of a UUID as tells two clusters apart.
UUID_LENGTH = 8


def __virtual__():
    return __virtualname__


def output(data, **kwargs):
    """
    Return the table.

    data
        What ``assess`` in the utils module of this name returns.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha.status demo
    """
    nodes, compute = data["nodes"], data["compute"]
    rows = [_row(one, node, len(nodes)) for one, node in nodes.items()]
    paragraphs = [_headline(data), _table(CONTROLLERS, rows)]
    if compute:
        rows = [_compute(one, node) for one, node in compute.items()]
        paragraphs.append(_table(COMPUTE, rows))
    paragraphs.append(_decisions(data["decisions"]))
    if data["faults"]:
        paragraphs.append("\n".join(["faults:", *(f"  - {line}" for line in data["faults"])]))
    return "\n\n".join(paragraphs)


def _headline(data):
    holders = ", ".join(data["vip"]["holders"]) or "no controller"
    return f"{data['name']} is {data['verdict']}, VIP {data['vip']['address']} on {holders}"


def _table(headings, rows):
    rows = [headings, *rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = (
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        for row in rows
    )
    return "\n".join(line.rstrip() for line in lines)


def _row(one, node, count):
    if not isinstance(node, dict):
        return (one, "", "no answer" if node is None else "error", "", "", "")
    return (
        one,
        _cell(node["holds_vip"], lambda holds: "holds" if holds else ""),
        _cell(node["galera"], lambda member: _galera(member, count)),
        _cell(node["galera"], _data),
        _cell(node["rabbitmq"], lambda member: _rabbitmq(member, count)),
        _cell(node["haproxy"], _haproxy),
    )


def _compute(one, node):
    known, bridges = node["hypervisor"], node["bridges"]
    shown = "no answer" if bridges is None else _cell(bridges, _networks)
    if known is None:
        return (one, "unknown", "", shown)
    machines = f"{known['running']} of {known['machines']} run"
    return (one, "up" if known["is_up"] else "down", machines, shown)


def _networks(bridges):
    """Of a bridge without machines there is nothing to serve."""
    return ", ".join(
        f"{name} {'serves' if one['is_serving'] else 'does not serve'} {one['machines']}"
        for name, one in bridges.items()
        if one["machines"]
    )


def _cell(value, show):
    """A probe that failed is a text; the faults have it."""
    return "unknown" if isinstance(value, str) else show(value)


def _galera(member, count):
    if member["component"] is None:
        return member["state"]
    return f"{member['state']} {member['component']} {member['size']}/{count}"


def _data(member):
    return f"{member['uuid'][:UUID_LENGTH]}:{member['seqno']}" if member["uuid"] else ""


def _rabbitmq(member, count):
    if not member["is_running"]:
        return "stopped"
    seen = f"running {len(member['running'])}/{count}"
    return ", ".join(
        [seen, *(word for word in ("partitions", "alarms") if member[word])],
    )


def _haproxy(proxies):
    return ", ".join(
        f"{proxy} {sum(servers.values())}/{len(servers)}" for proxy, servers in proxies.items()
    )


def _decisions(decisions):
    lines = ["last decisions:"]
    for system, decision in decisions.items():
        if decision is None:
            lines.append(f"  {system}: none")
            continue
        since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(decision["since"]))
        lines.append(f"  {system}: {decision['verdict']}, {decision['why']} (since {since})")
        if decision["way_out"]:
            lines.append(f"    {decision['way_out']}")
    return "\n".join(lines)
