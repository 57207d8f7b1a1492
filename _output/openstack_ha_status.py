"""
Show what ``salt-run openstack_ha.status`` found as tables for people, a line for each node, within
100 columns.

With ``--out=json`` and the like Salt takes that outputter instead, and shows the plain data.
"""

import salt.utils.color

__virtualname__ = "openstack_ha_status"

CONTROLLERS = ("node", "VIP", "Galera", "data", "RabbitMQ", "HAProxy", "units")
STORAGE = ("node", "disks", "rings", "last replication", "units")
COMPUTE = ("node", "nova-compute", "machines", "networks", "units")
OTHERS = ("node", "units")
LEGEND = "(units, HAProxy, disks, rings: how many of how many run, serve, are mounted, are there)"
COLORS = {"healthy": "GREEN", "degraded": "YELLOW", "dead": "RED"}
# As much of a UUID as tells two clusters apart.
UUID_LENGTH = 8
RUNNING = ("active", "reloading")
# Back ends that are named of those that lack a server.
NAMED = 2


def __virtual__():
    return __virtualname__


def output(data, **kwargs):
    """
    Return the tables.

    data
        What ``assess`` in the utils module of this name returns.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha.status demo
    """
    paragraphs = [_headline(data), *_tables(data), _decisions(data), LEGEND]
    for name in ("progress", "faults"):
        if data[name]:
            paragraphs.append(_shown([f"{name}:", *(f"  - {one}" for one in data[name])]))
    return "\n\n".join(paragraphs)


def _headline(data):
    holders = ", ".join(data["vip"]["holders"]) or "no controller"
    colors = salt.utils.color.get_colors(__opts__.get("color", False))
    verdict = f"{colors[COLORS[data['verdict']]]}{data['verdict']}{colors['ENDC']}"
    return f"{data['name']} is {verdict}, VIP {data['vip']['address']} on {holders}"


def _tables(data):
    """Each node stands in one table of its kind."""
    nodes, compute, storage, units = (data[key] for key in ("nodes", "compute", "storage", "units"))
    yield _table(CONTROLLERS, [_row(one, nodes[one], units.get(one), len(nodes)) for one in nodes])
    if storage:
        rows = [_storage(one, told, data["rings"], units.get(one)) for one, told in storage.items()]
        yield _table(STORAGE, rows)
    if compute:
        yield _table(COMPUTE, [_compute(one, compute[one], units.get(one)) for one in compute])
    others = [one for one in units if not any(one in each for each in (nodes, storage, compute))]
    if others:
        yield _table(OTHERS, [(one, _units(units[one])) for one in others])


def _table(headings, rows):
    return _shown([[headings, *rows]])


def _row(one, node, units, count):
    if not isinstance(node, dict):
        return (one, "", "no answer" if node is None else "error", "", "", "", "")
    return (
        one,
        _cell(node["holds_vip"], lambda holds: "holds" if holds else ""),
        _cell(node["galera"], lambda member: _galera(member, count)),
        _cell(node["galera"], _data),
        _cell(node["rabbitmq"], lambda member: _rabbitmq(member, count)),
        _cell(node["haproxy"], _haproxy),
        _units(units),
    )


def _storage(one, told, rings, units):
    if not isinstance(told, dict):
        return (one, "unknown", "", "", _units(units))
    mounted, full = told["used"], max(told["used"].values(), default=0)
    disks = f"{len(mounted)}/{len(mounted) + len(told['unmounted'])}, {full} % full"
    has = sum(one not in ring["lacking"] for ring in rings.values())
    return (one, disks, f"{has}/{len(rings)}", told["oldest"] or "never", _units(units))


def _compute(one, node, units):
    known, bridges = node["hypervisor"], node["bridges"]
    shown = "no answer" if bridges is None else _cell(bridges, _networks)
    if known is None:
        return (one, "unknown", "", shown, _units(units))
    machines = f"{known['running']} of {known['machines']} run"
    return (one, "up" if known["is_up"] else "down", machines, shown, _units(units))


def _units(parts):
    if not isinstance(parts, dict):
        return "no answer" if parts is None else "unknown"
    states = [state for units in parts.values() for state in units.values()]
    return f"{sum(state in RUNNING for state in states)}/{len(states)}"


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
    """How many back ends have all of their servers, and which ones have not."""
    lacking = [name for name, one in proxies.items() if not one or not all(one.values())]
    words = [f"{len(proxies) - len(lacking)}/{len(proxies)}"]
    for name in lacking[:NAMED]:
        words.append(f"{name} {sum(proxies[name].values())}/{len(proxies[name])}")
    return ", ".join([*words, *([".."] if len(lacking) > NAMED else [])])


def _decisions(data):
    lines = ["decisions:"]
    for system, decision in data["decisions"].items():
        if decision is None:
            lines.append(f"  {system}: none")
            continue
        age = f"for {decision['age']}"
        if decision["stale"]:
            age += f", last looked at {decision['stale']} ago"
        lines.append(f"  {system}: {decision['verdict']} ({age}), {decision['why']}")
        if decision["way_out"]:
            lines.append(f"    {decision['way_out']}")
    return _shown(lines)


def _shown(lines):
    return __salt__["openstack_ha_lines"](lines)
