"""
Services with a schema in the database: what theirs lacks, and who brings it there.

Each has alembic's revisions in two branches, ``expand`` and ``contract``. What the first adds an
older version can live with; the second takes away what only an older version uses. A schema that is
linear has one line of revisions, all of them of the first kind.

What a controller says of a service::

    is_ready   its package and configuration are there
    version    of its package, None without it
    pending    sync (there is no schema), expand, contract or nothing; None is unknown
"""

import ast
import re

import openstack_ha_options
import openstack_ha_rule
import openstack_ha_systems

BRANCHES = ("expand", "contract")
SHAPE = {"is_ready": bool, "version": (None, str), "pending": (None, str)}
# What a service does not wait for.
HARMLESS = ("nothing", "contract")
PYTHON = "/usr/lib/python3/dist-packages"
# What only a controller's own commands read: a schema is made before HAProxy serves.
LOCAL_CONFIG = "openstack_ha-local.conf"

SERVICES = openstack_ha_systems.schemas()


def services(systems):
    """
    Return the services with a schema among systems.

    systems
        Names of systems.
    """
    return [name for name in SERVICES if name in systems]


def facts(service):
    """
    Return what is known of a service: package, user, command, config files, folder of migrations,
    the command's arguments for a whole sync and for an expansion, and whether its schema is linear.

    service
        Its name.
    """
    facts = SERVICES[service]
    return {"is_linear": False, **facts, "migrations": f"{PYTHON}/{facts['migrations']}"}


def connection(service, address, port, own):
    """
    Return the URL of a service's schema, with its account's password.

    service
        Its name, its schema's and its account's.

    address, port
        Of the database, or of the VIP.

    own
        The node's own address. The VIP's holder would call from the VIP itself: when that has
        moved, nobody answers such a connection, not even that it is dead.
    """
    # Seconds; nothing that a service asks takes that long, and a dead session has to end.
    times = "connect_timeout=5&read_timeout=30&write_timeout=30"
    options = f"charset=utf8mb4&{times}&bind_address={own}"
    return openstack_ha_options.secret(
        f"galera:accounts:{service}",
        f"mysql+pymysql://{service}:",
        f"@{openstack_ha_options.host(address)}:{port}/{service}?{options}",
    )


def local_connection(service, view):
    """
    Return the URL of a service's schema in the node's own database, for its commands.

    service
        Its name.

    view
        What ``openstack_ha.view`` returns.
    """
    own = view["self"]["address"]
    return connection(service, own, view["galera"]["port"], own)


def pool(service, view, threads):
    """
    Return the section ``database`` of a service: its schema through the VIP.

    service
        Its name.

    view
        What ``openstack_ha.view`` returns.

    threads
        Of each process.
    """
    return {
        "connection": connection(
            service, view["vip"]["address"], view["galera"]["port"], view["self"]["address"]
        ),
        # A session that a failover has cut is seen when it is taken from the pool; those that
        # nobody uses must go before HAProxy or a firewall forgets them.
        "connection_recycle_time": 300,
        "max_pool_size": threads,
        "max_overflow": threads,
        "pool_timeout": 10,
        "max_retries": -1,
        "retry_interval": 1,
    }


def pending(scripts, have, is_linear=False):
    """
    Return what the schema lacks for a package.

    scripts
        The package's migrations, ``{path: text}``; the path names the branch.

    have
        The revisions that the schema is at, empty without a schema; None when that is not known.

    is_linear
        Whether the migrations are one line without branches.

    Raises ValueError when a branch of the package has not one head.
    """
    if have is None:
        return None
    if not have:
        return "sync"
    known = {path: _assigned(text) for path, text in scripts.items()}
    if set(have) - {one.get("revision") for one in known.values()}:
        # Of a newer package, which went on from what this one needs.
        return "nothing"
    if is_linear:
        return "nothing" if _head(known) in have else "expand"
    expand, contract = (_head(known, branch) for branch in BRANCHES)
    # Where the one depends on the other, alembic notes only the one.
    if contract in have:
        return "nothing"
    return "contract" if expand in have else "expand"


def decide(members, evidence):
    """
    Return the next step for one service: ``{verdict, nodes, why, way_out}``.

    members
        The controllers' ids in the cluster file's order.

    evidence
        What each said of the service by id, None for silence.

    The verdict is ``sync``, ``expand``, ``wait``, ``refuse`` or ``settled``. The schema is expanded
    for the newest package, and contracted when no older one is left that could serve.
    """
    seen = {
        node: evidence[node]
        for node in members
        if openstack_ha_rule.fits(evidence.get(node), SHAPE)
    }
    unclear = openstack_ha_rule.unclear(members, evidence, seen)
    if unclear:
        why, way_out = openstack_ha_rule.less(unclear), openstack_ha_rule.sync(unclear[0])
        return _decision("refuse", unclear, why, way_out)
    ready = {node: found for node, found in seen.items() if found["is_ready"] and found["version"]}
    if not ready:
        unknown = [node for node in members if node not in seen]
        told = openstack_ha_rule.silence(unknown, evidence) if unknown else []
        why = ", ".join(["no controller that answers is configured", *told])
        return _decision("wait", [], why)
    newest = max((found["version"] for found in ready.values()), key=ordered)
    able = [
        node
        for node, found in ready.items()
        if found["version"] == newest and found["pending"] is not None
    ]
    if not able:
        why = "the database of no controller with the newest version answers"
        return _decision("wait", [], why)
    step = seen[able[0]]["pending"]
    if step == "sync":
        return _decision("sync", able[:1], "there is no schema")
    if step == "expand":
        return _decision("expand", able[:1], f"the schema is older than {newest}")
    if step == "contract":
        others = [node for node in members if node not in seen or seen[node]["version"] != newest]
        if not others:
            return _decision("sync", able[:1], "every controller has the newest version")
        why = f"the schema is contracted when {', '.join(others)} has the newest version"
        return _decision("settled", [], why)
    return _decision("settled", [], "the schema is what the newest version needs")


def is_waiting(found):
    """
    Return whether a controller waits for a word about a service.

    found
        What it said of the service, None where it said nothing.
    """
    return openstack_ha_rule.fits(found, SHAPE) and found["pending"] not in HARMLESS


def ordered(version):
    """
    Return something that puts versions of one Debian package in their order.

    version
        Such as ``2:22.0.2-0+deb12u6``.

    Not Debian's whole rule: a tilde counts as nothing.
    """
    return [int(part) for part in re.findall(r"\d+", version)]


def _assigned(text):
    """The names of a module that are assigned a constant."""
    found = {}
    for node in ast.parse(text).body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
            found.update({one.id: node.value.value for one in node.targets})
    return found


def _head(known, branch=""):
    """The revision of a branch that no other one follows; without a name, of all there are."""
    own = {one["revision"] for path, one in known.items() if branch in path and "revision" in one}
    heads = own - {one.get("down_revision") for one in known.values()}
    if len(heads) != 1:
        where = f"the branch {branch} has" if branch else "its migrations have"
        raise ValueError(f"{where} {len(heads)} heads")
    return heads.pop()


def _decision(verdict, nodes, why, way_out=None):
    return {"verdict": verdict, "nodes": nodes, "why": why, "way_out": way_out}
