"""
What a highstate cannot change on a running cluster, what is remembered of it, and why another value
is refused.

Each value is known by its path in the cluster file. What is remembered is ``{path: entry}``; an
entry is ``{"value": ..}``, or ``{"salt", "digest"}`` of a secret, which nobody reads out of it.
"""

import functools
import hashlib
import hmac
import re
import secrets

RUNBOOK = "docs/runbooks/guarded-values.md"
VIP = "Another address of the VIP"
COOKIE = "Another Erlang cookie"
HEALTH = "Another password of a health account"
NODE = "Another address or name of a node"
# What has no section has no way: it stays as long as the cluster.
HEALTH_WHY = (
    "HAProxy's checks would fail on all controllers until each has the new one, which cuts every "
    "session"
)
HASH_PATH_WHY = "it is part of where objects lie, and nobody would find those that are stored"

# The path; the parts that run with it, of which "swift" is all of Swift's; of nodes, those of which
# roles; why a highstate must not change it; and the runbook's section that does.
TABLE = (
    {
        "path": "name",
        "parts": {"galera", "rabbitmq", "swift.rings", "swift.storage"},
        "why": "members of another name do not meet, and keys, disks and records are kept by it",
    },
    {
        "path": "vip:address",
        "parts": {"keepalived"},
        "why": "nodes would change one by one, and clients find what is on the old one or the new",
        "section": VIP,
    },
    {
        "path": "nodes:<id>:address",
        "parts": {"galera", "rabbitmq"},
        "roles": {"controller"},
        "why": "the database and the brokers know it by the old one",
        "section": NODE,
    },
    {
        "path": "nodes:<id>:address",
        "parts": {"swift.rings", "swift.storage"},
        "roles": {"storage"},
        "why": "the rings would drain its disks, and wait for the old address while they do",
        "section": NODE,
    },
    {
        "path": "nodes:<id>:hostname",
        "parts": {"rabbitmq", "nova.compute"},
        "roles": {"controller", "compute"},
        "why": "its broker and its machines are known by the old one",
        "section": NODE,
    },
    {
        "path": "nodes:<id>:is_controller",
        "parts": {"keepalived"},
        "roles": {"controller"},
        # A cluster file has no such key: it is who may hold the VIP. Of these, what is said below.
        "value": True,
    },
    {
        "path": "secrets:rabbitmq:erlang_cookie",
        "parts": {"rabbitmq"},
        "why": "a broker that runs keeps the old one, and lets nobody in who has another",
        "section": COOKIE,
    },
    {
        "path": "secrets:rabbitmq:users:health",
        "parts": {"rabbitmq"},
        "why": HEALTH_WHY,
        "section": HEALTH,
    },
    {
        "path": "secrets:galera:accounts:health",
        "parts": {"galera"},
        "why": HEALTH_WHY,
        "section": HEALTH,
    },
    {"path": "secrets:swift:hash_path_prefix", "parts": {"swift"}, "why": HASH_PATH_WHY},
    {"path": "secrets:swift:hash_path_suffix", "parts": {"swift"}, "why": HASH_PATH_WHY},
    # Of these too.
    {"path": "swift:policies", "parts": {"swift"}},
)
SECRETS = "secrets:"
IS_CONTROLLER = re.compile(r"nodes:(?P<id>[^:]+):is_controller")
OF_A_NODE = re.compile(r"nodes:(?P<id>[^:]+):")
ROUNDS = 20_000
SALT_BYTES = 16
HEX = re.compile(r"[0-9a-f]{32,64}")


def paths():
    """
    Return the paths of what is guarded; ``<id>`` stands for a node's.
    """
    return list(dict.fromkeys(row["path"] for row in TABLE))


def is_guarded(path):
    """
    Return whether a path is one of those.

    path
        Below ``openstack_ha``, joined by colons.
    """
    return OF_A_NODE.sub("nodes:<id>:", path, count=1) in paths()


def objections(memory, cluster, secret, systems):
    """
    Return why a cluster file must not be applied, a line for each value that is another one.

    memory
        What is remembered.

    cluster
        A complete cluster, or a view.

    secret
        A function that returns the secret at a path below ``secrets``.

    systems
        The systems of which it is asked.
    """
    name = memory.get("name", {}).get("value", cluster["name"])
    found = list(_lost_controllers(name, memory, cluster))
    for path, (row, value) in _asked(cluster, secret, systems).items():
        if path not in memory or _is_same(memory[path], value):
            continue
        if path == "swift:policies":
            found += _lost_policies(memory[path]["value"], value)
        else:
            found.append(_objection(name, path, row, memory[path].get("value"), value))
    return found


def remembered(memory, cluster, secret, systems):
    """
    Return what is to be remembered when these systems run with what a cluster file says. What
    belongs to a node that is there no more is forgotten.

    memory, cluster, secret, systems
        As for ``objections``.
    """
    after = _without_gone_nodes(memory, cluster)
    for path, (_row, value) in _asked(cluster, secret, systems).items():
        if path not in memory or not _is_same(memory[path], value):
            after[path] = entry(path, value)
    return after


def learned(memory, found, cluster, secret, systems):
    """
    Return what the master is to remember after it has heard what a node remembers: that of which
    its own cluster file says the same. So nobody makes it remember anything else.

    memory, cluster, secret, systems
        As for ``objections``.

    found
        What the node says that it remembers.
    """
    after = _without_gone_nodes(memory, cluster)
    for path, (_row, value) in _asked(cluster, secret, systems).items():
        # A secret's digest is slow, and it is remembered already.
        is_known = path in memory and path.startswith(SECRETS)
        if not is_known and _fits(path, found.get(path)) and _is_same(found[path], value):
            after[path] = found[path]
    return after


def unknown(memory, said, nodes):
    """
    Return which of the paths that a node says it remembers the master may have to learn.

    memory
        What the master remembers.

    said
        What the node says, whatever that is.

    nodes
        The ids of the cluster's nodes.
    """
    said = said if isinstance(said, list) else []
    return sorted(
        path
        for path in said
        if isinstance(path, str)
        and path not in memory
        and is_guarded(path)
        and not _is_of_none(path, nodes)
    )


def changes(before, after):
    """
    Return how one memory becomes another, ``{path: {"old", "new"}}``, without anything of a secret.

    before, after
        What is remembered.
    """
    return {
        path: {"old": _shown(before.get(path)), "new": _shown(after.get(path))}
        for path in sorted(set(before) | set(after))
        if before.get(path) != after.get(path)
    }


def entry(path, value):
    """
    Return what is remembered of a value.

    path
        Of the value.

    value
        A secret's is its text.
    """
    if not path.startswith(SECRETS):
        return {"value": value}
    salt = secrets.token_hex(SALT_BYTES)
    return {"salt": salt, "digest": _digest(value, salt)}


def is_memory(found):
    """
    Return whether something has the shape of what is remembered.

    found
        Anything that JSON can say.
    """
    return isinstance(found, dict) and all(_fits(path, one) for path, one in found.items())


def _asked(cluster, secret, systems):
    """What a cluster file says of what is guarded on these systems, as (row, value) by path."""
    found = {}
    for row in TABLE:
        if any(_is_part(system, part) for system in systems for part in row["parts"]):
            for path, value in _values(row, cluster, secret).items():
                found.setdefault(path, (row, value))
    return found


def _is_part(system, part):
    return system == part or (part == "swift" and system.startswith("swift."))


def _values(row, cluster, secret):
    path = row["path"]
    if "roles" in row:
        key = path.rpartition(":")[2]
        return {
            path.replace("<id>", one): row.get("value", node.get(key))
            for one, node in cluster["nodes"].items()
            if row["roles"].intersection(node["roles"])
        }
    if path.startswith(SECRETS):
        return {path: secret(path.removeprefix(SECRETS))}
    if path == "swift:policies":
        policies = cluster["swift"]["policies"].items()
        return {path: {str(policy["index"]): name for name, policy in policies}}
    return {path: functools.reduce(lambda tree, key: tree[key], path.split(":"), cluster)}


def _objection(name, path, row, old, new):
    values = "it" if path.startswith(SECRETS) else repr(new)
    runs = "the one" if path.startswith(SECRETS) else repr(old)
    way = "Put the old one back"
    if "section" in row:
        way += (
            f", or change it as {RUNBOOK}, '{row['section']}', says; "
            f"`salt-run openstack_ha_guard.forget {name} {path}` is part of that"
        )
    return f"openstack_ha:{path}: {values} is not {runs} that {name} runs with: {row['why']}. {way}"


def _lost_controllers(name, memory, cluster):
    """One that the others do not know any more would go on, and take the VIP beside its holder."""
    left = cluster.get("left", ())
    for path in memory:
        match = IS_CONTROLLER.fullmatch(path)
        node = match and match["id"]
        if node and node not in left and "controller" not in _roles(cluster, node):
            yield (
                f"openstack_ha:nodes:{node}: is a controller that {name} runs with, and has not "
                "left: it would take the VIP beside its holder, and the brokers would wait for its "
                f"own. Put it back, or let it leave: `salt-run openstack_ha.leave {name} {node}` "
                "tells how, for one that is dead too"
            )


def _roles(cluster, node):
    return cluster["nodes"].get(node, {}).get("roles", ())


def _lost_policies(known, asked):
    """A policy may get another name and more may come; an index stays, and so does its name's."""
    names = {name: index for index, name in asked.items()}
    for index, name in known.items():
        if index not in asked:
            yield (
                f"openstack_ha:swift:policies: none has the index {index}, that of {name!r}, with "
                "which objects were stored; containers would have no place. Keep it, with "
                "is_deprecated: true"
            )
        elif names.get(name, index) != index:
            yield (
                f"openstack_ha:swift:policies:{name}:index: {names[name]} is not {index}, with "
                f"which its objects were stored; set it to {index}"
            )


def _without_gone_nodes(memory, cluster):
    return {
        path: found for path, found in memory.items() if not _is_of_none(path, cluster["nodes"])
    }


def _is_of_none(path, nodes):
    match = OF_A_NODE.match(path)
    return bool(match) and match["id"] not in nodes


def _is_same(found, value):
    if "digest" in found:
        return hmac.compare_digest(found["digest"], _digest(value, found["salt"]))
    return found["value"] == value


@functools.lru_cache(maxsize=64)
def _digest(text, salt):
    """Slow, since a person's password is guessed where a made one is not."""
    return hashlib.pbkdf2_hmac("sha256", text.encode(), salt.encode(), ROUNDS).hex()


def _fits(path, found):
    """Whether this is an entry; a node may have said it."""
    if not isinstance(found, dict):
        return False
    if not path.startswith(SECRETS):
        return set(found) == {"value"}
    return set(found) == {"salt", "digest"} and all(
        isinstance(one, str) and HEX.fullmatch(one) for one in found.values()
    )


def _shown(found):
    if found is None:
        return None
    return found.get("value", "a secret")
