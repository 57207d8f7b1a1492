"""
Who listens where, and which ports of the cluster file meet on one host.
"""

import itertools

import openstack_ha_systems

ROWS = openstack_ha_systems.vip_rows()
# Whoever holds the VIP has each row, wherever its servers are and whether or not there are any yet.
SERVED = tuple(
    path for row in ROWS for path in (row["port"], row.get("check", {}).get("port")) if path
)
# By role of the host: the option that says the port, with the section it needs.
BY_ROLE = {
    "controller": (
        *SERVED,
        "galera:extra_port",
        "rabbitmq:management_port",
        "memcached:port",
        "haproxy:stats_port",
    ),
    "proxy": ("swift:proxy:port", "memcached:port"),
    "storage": (
        "swift:rings:account:port",
        "swift:rings:account:replication_port",
        "swift:rings:container:port",
        "swift:rings:container:replication_port",
        "swift:rings:object:port",
        "swift:rings:object:replication_port",
        "swift:rsync:port",
    ),
    "compute": ("nova:metadata_port", "nova:migration_port"),
}
# Those that nobody chooses.
FIXED = {
    "controller": {
        4369: "epmd",
        4444: "Galera's state transfer",
        4567: "Galera's replication",
        4568: "Galera's incremental state transfer",
        15692: "RabbitMQ's metrics",
        25672: "RabbitMQ's peers",
    },
}
EVERYWHERE = {22: "ssh"}


def faults(cluster):
    """
    Return which ports meet on a host, a line each.

    cluster
        The cluster file's content with its defaults.
    """
    found = {}
    for roles in sorted({tuple(sorted(node["roles"])) for node in cluster["nodes"].values()}):
        for one, two in itertools.combinations(_listeners(cluster, roles), 2):
            if one[0] == two[0] and one[2] != two[2]:
                path, other = (two, one) if two[1] else (one, two)
                found[path[1], other[2]] = (
                    f"{path[1]}: {path[0]} is the port of {other[1] or other[2]} too, on a node "
                    f"with the roles {', '.join(roles)}; take another"
                )
    return list(found.values())


def _listeners(cluster, roles):
    """Rows of port, path, and whose it is; one server has one name."""
    fixed = dict(EVERYWHERE)
    paths = []
    for role in roles:
        fixed.update(FIXED.get(role, {}))
        paths += BY_ROLE.get(role, ())
    rows = [(port, None, name) for port, name in fixed.items()]
    for path in dict.fromkeys(paths):
        port = _lookup(cluster, path)
        if port is not None:
            rows.append((port, path, path.replace(":replication_port", ":port")))
    return rows


def _lookup(tree, path):
    for key in path.split(":"):
        tree = tree.get(key, {})
    return tree or None
