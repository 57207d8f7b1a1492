"""
Show what ``salt ctl1 openstack_ha_haproxy.status`` found: a line for each service, and for each
server that does not serve.

With ``--out=json`` and the like Salt takes that outputter instead, and shows the plain data.
"""

import datetime

__virtualname__ = "openstack_ha_haproxy"

HEADINGS = ("service", "front end", "serving", "sessions", "so far", "queue", "unchanged for")


def __virtual__():
    return __virtualname__


def output(data, **kwargs):
    """
    Return the tables.

    data
        What ``openstack_ha_haproxy.status`` returns, by node; of one that failed its error's text.

    CLI Example:

    .. code-block:: bash

        salt ctl1 openstack_ha_haproxy.status
    """
    return "\n\n".join(_of_node(node, said) for node, said in data.items())


def _of_node(node, rows):
    shown = __salt__["openstack_ha_lines"]
    if not isinstance(rows, list):
        return shown([f"{node}: {rows}"])
    services = {}
    for row in rows:
        services.setdefault(row["proxy"], []).append(row)
    lines = [
        f"{node}: {len(services)} services",
        [HEADINGS, *(_service(name, own) for name, own in services.items())],
    ]
    idle = [row for row in rows if row["kind"] == "server" and not row["serving"]]
    if idle:
        lines += ["not serving:", *map(_server, idle)]
    return shown(lines)


def _service(name, rows):
    servers = [row for row in rows if row["kind"] == "server"]
    # What clients see; of a service without a front end, what is behind it.
    first = rows[0]
    return (
        name,
        first["status"] if first["kind"] == "frontend" else "none",
        f"{sum(row['serving'] for row in servers)}/{len(servers)}" if servers else "",
        str(first["sessions"]),
        str(first["sessions_total"]),
        str(sum(row["queue"] for row in rows if row["kind"] == "backend")),
        _age(min(row["since"] for row in servers)) if servers else "",
    )


def _server(row):
    found = f", {row['check']}" if row["check"] else ""
    return f"  - {row['proxy']} {row['name']}: {row['status']}{found}, for {_age(row['since'])}"


def _age(seconds):
    """As hours, minutes and seconds; Salt gives an outputter no utils."""
    return str(datetime.timedelta(seconds=seconds))
