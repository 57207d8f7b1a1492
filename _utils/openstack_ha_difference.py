"""
What the cluster file says now, compared with what its nodes applied last.

Each node is compared with what it applied itself: one that was away when the others were told has
more to come. Clusters are masked ones (``openstack_ha_masked``), so nothing here is a secret.
"""

import openstack_ha_cluster
import openstack_ha_masked
import openstack_ha_reading
import openstack_ha_systems

SAME, UNKNOWN, DIFFERS = range(3)
# What a view has beside the cluster file's keys.
WORKED_OUT = ("view_of", "self", "controllers")
# Parts that are no service of their own: what they bring is decided by the master, or asked for.
NO_SERVICE = ("keystone.identity", "swift.rings")
FIRST, LEFT = "starts for the first time", "is looked after no more"
BY_RULE = {"galera": "restarts, one member at a time, while all of them are Synced"}
ON_ITS_NODE = "restarts or reloads on each node, when its highstate comes to it"
# What rules decide by of the file, beside its nodes, as the beginnings of paths. The others decide
# by what nodes say of themselves.
DECIDED_BY = {
    "keystone": ("keystone:rotation_hours", "keystone:token_expiration"),
    "nova_network": ("nova_network:",),
    "nova_builds": (
        "nova:schedule_timeout",
        "nova:failover_timeout",
        "nova:build_timeout",
    ),
    "swift": ("swift:rings:", "swift:owner"),
}
# Of the rings, at each node.
DEVICES = ("nodes:", ":storage:")


def assess(now, before, applied):
    """
    Return what applying the cluster file would mean.

    now
        The cluster that the file says now, masked.

    before
        Masked clusters by their version, None for one that is not kept any more.

    applied
        By node, the version that it applied last, "" when it has applied none, and None when the
        node did not answer.

    Returns a mapping::

        retcode   0 without a difference, 1 when nothing differs as far as is known, and 2
        name      the cluster's
        options   [{"path", "old", "new", "nodes"}], in the file's order; what was not there is None
        secrets   [{"path", "change", "nodes"}]: added, changed or removed
        services  [{"part", "how", "nodes"}]: what reloads or restarts, and how
        decides   {system: [why]}: about what the master decides anew
        new       nodes that have applied nothing yet
        gone      nodes that are in the file no more
        unknown   {node: why it cannot be compared}
    """
    known, unknown = {}, {}
    for node in now["nodes"]:
        why = _unknown(applied.get(node), before)
        if why:
            unknown[node] = why
        elif applied[node]:
            known[node] = before[applied[node]]
    views = {node: _views(one, now, node) for node, one in known.items()}
    options, secrets = _options(views)
    services = _services(views)
    bases = [before[one] for one in dict.fromkeys(applied.values()) if one and before.get(one)]
    found = {
        "options": options,
        "secrets": secrets,
        "services": services,
        "decides": _decides(bases, now, options, services),
        "new": [node for node in now["nodes"] if applied.get(node) == ""],
        "gone": sorted({node for one in bases for node in one["nodes"]} - set(now["nodes"])),
    }
    retcode = DIFFERS if any(found.values()) else UNKNOWN if unknown else SAME
    return {"retcode": retcode, "name": now["name"], **found, "unknown": unknown}


def _unknown(version, before):
    if version is None:
        return "did not answer"
    if version and before.get(version) is None:
        return "its last cluster file is none that this master keeps; a highstate makes it known"
    return None


def _views(base, now, node):
    return openstack_ha_reading.view(base, node), openstack_ha_reading.view(now, node)


def _options(views):
    """What differs in the file's own words, each with its nodes."""
    options, secrets = {}, {}
    for node, pair in views.items():
        both = set.intersection(*(set(one["nodes"]) for one in pair))
        old, new = (_leaves(_told(one, both)) for one in pair)
        for path in [*old, *(path for path in new if path not in old)]:
            if old.get(path) == new.get(path):
                continue
            change = (old.get(path), new.get(path))
            if path[0] == "secrets":
                row = (":".join(path[1:]), _change(*change))
                secrets.setdefault(row, []).append(node)
            else:
                row = (":".join(path), *map(_shown, change))
                options.setdefault(repr(row), (row, []))[1].append(node)
    return (
        [
            {"path": path, "old": old, "new": new, "nodes": nodes}
            for (path, old, new), nodes in options.values()
        ],
        [{"path": path, "change": how, "nodes": nodes} for (path, how), nodes in secrets.items()],
    )


def _told(seen, both):
    """What the file says itself; a node that is new or gone is one row, as its roles."""
    kept = {key: value for key, value in seen.items() if key not in WORKED_OUT}
    if seen["vip"]["interface"] == seen["self"]["interface"]:
        kept["vip"] = {key: value for key, value in seen["vip"].items() if key != "interface"}
    kept["nodes"] = {
        node: one if node in both else f"{one['address']}, {', '.join(one['roles'])}"
        for node, one in seen["nodes"].items()
    }
    return kept


def _leaves(tree, path=()):
    found = {}
    for key, value in tree.items():
        here = (*path, key)
        if isinstance(value, dict):
            found.update(_leaves(value, here))
        else:
            found[here] = value
    return found


def _change(old, new):
    return "added" if old is None else "removed" if new is None else "changed"


def _shown(value):
    """A secret among options is there, and that is all."""
    return "(a secret)" if openstack_ha_masked.is_mark(value) else value


def _services(views):
    found, read = {}, openstack_ha_reading.read
    for node, (old, new) in views.items():
        before = openstack_ha_cluster.systems(old, node)
        for part in openstack_ha_cluster.systems(new, node):
            if part in NO_SERVICE:
                continue
            if part not in before:
                found.setdefault((part, FIRST), []).append(node)
            elif read(old, part) != read(new, part):
                found.setdefault((part, _how(part)), []).append(node)
        for part in before:
            if part not in openstack_ha_cluster.systems(new, node):
                found.setdefault((part, LEFT), []).append(node)
    order = list(openstack_ha_systems.parts())
    rows = sorted(found.items(), key=lambda row: order.index(row[0][0]))
    return [{"part": part, "how": how, "nodes": nodes} for (part, how), nodes in rows]


def _how(part):
    facts = openstack_ha_systems.turns().get(part)
    if facts is None:
        return BY_RULE.get(part, ON_ITS_NODE)
    if facts.get("reloads"):
        return "reloads, one node at a time"
    if "share" in facts:
        return f"restarts, {facts['share']} % of its nodes at once"
    if facts["patience"]:
        return "is drained and restarted, one node at a time"
    return "restarts, one node at a time"


def _decides(bases, now, options, services):
    """Why the master decides anew, by what it looks after."""
    found = {}
    for system in openstack_ha_cluster.coordinated():
        why = [
            *_nodes_differ(bases, now, system),
            *(one["path"] for one in options if _is_decided_by(system, one["path"])),
            *_asked_for(system, services),
        ]
        if why:
            found[system] = list(dict.fromkeys(why))
    return found


def _nodes_differ(bases, now, system):
    on = openstack_ha_cluster.looked_after_on
    for base in bases if system != "turn" else ():
        old, new = set(on(base, system)), set(on(now, system))
        yield from (f"{node} is new" for node in sorted(new - old))
        yield from (f"{node} is gone" for node in sorted(old - new))


def _is_decided_by(system, path):
    begins, holds = DEVICES
    is_device = system == "swift" and path.startswith(begins) and holds in path
    return is_device or path.startswith(DECIDED_BY.get(system, ("\0",)))


def _asked_for(system, services):
    """What nodes will ask the master for."""
    turns, schemas = openstack_ha_systems.turns(), openstack_ha_systems.schemas()
    parts = {one["part"]: one["how"] for one in services if one["how"] != LEFT}
    if system == "turn":
        return [
            f"{part} is renewed" for part, how in parts.items() if part in turns if how != FIRST
        ]
    if system == "db_sync":
        brings = {facts["part"]: name for name, facts in schemas.items()}
        return [
            f"{brings[part]} is new"
            for part, how in parts.items()
            if part in brings
            if how == FIRST
        ]
    return [f"{system} restarts"] if system in BY_RULE and system in parts else []
