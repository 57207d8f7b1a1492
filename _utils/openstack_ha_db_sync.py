"""
Services with a schema in the database: what theirs lacks, and who brings it there.

Each has alembic's revisions in two branches, ``expand`` and ``contract``. What the first adds an
older version can live with; the second takes away what only an older version uses. A schema that is
linear has one line of revisions, all of them of the first kind; one that is numbered has
sqlalchemy-migrate's instead, of which the highest number is the last.

What a service says of its schema::

    package    Debian's, or the distribution's name where its programs come from wheels
    libraries  the folder of those, left out where Debian's package brings them
    user, command, config     who runs its command, with which files
    migrations, is_linear, is_numbered    of its database, which has the service's name
    databases  the same by database, where it has several
    sync, expand    the arguments of the commands for the whole and for an expansion, in their order

What a controller says of a service::

    is_ready   its package and configuration are there
    version    of its package, None without it
    pending    sync (there is no schema), expand, contract or nothing, of several databases the
               worst; None is unknown
"""

import ast
import re

import openstack_ha_options
import openstack_ha_rule
import openstack_ha_systems

BRANCHES = ("expand", "contract")
# sqlalchemy-migrate's migrations, e.g. 390_add_trusted_certs.py.
NUMBERED = re.compile(r"(\d+)_\w+\.py")
# From the best to the worst.
PENDING = ("nothing", "contract", "expand", "sync")
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
    return [name for name, one in SERVICES.items() if one["part"] in systems]


def facts(service):
    """
    Return what a service says of its schema, with ``databases`` even where it has one: each with
    the folder of its ``migrations``, whether it ``is_linear`` or ``is_numbered``, and the statement
    that asks for its ``revisions``.

    service
        Its name.
    """
    facts = SERVICES[service]
    libraries = facts.get("libraries", PYTHON)
    return {
        **facts,
        "databases": {
            name: {
                "migrations": f"{libraries}/{one['migrations']}",
                "is_linear": one.get("is_linear", False),
                "is_numbered": one.get("is_numbered", False),
                "revisions": _revisions(name, one.get("is_numbered")),
            }
            for name, one in facts.get("databases", {service: facts}).items()
        },
    }


def databases(service):
    """
    Return the names of a service's databases.

    service
        Its name.
    """
    return list(facts(service)["databases"])


def connection(service, address, port, own, database=None):
    """
    Return the URL of a service's database, with its account's password.

    service
        Its name, and its account's.

    address, port
        Of the database, or of the VIP.

    own
        The node's own address. The VIP's holder would call from the VIP itself: when that has
        moved, nobody answers such a connection, not even that it is dead.

    database
        Its name, where it is not the service's.
    """
    # Seconds; nothing that a service asks takes that long, and a dead session has to end.
    times = "connect_timeout=5&read_timeout=30&write_timeout=30"
    options = f"charset=utf8mb4&{times}&bind_address={own}"
    schema = database or service
    return openstack_ha_options.secret(
        f"galera:accounts:{service}",
        f"mysql+pymysql://{service}:",
        f"@{openstack_ha_options.host(address)}:{port}/{schema}?{options}",
    )


def local_connection(service, view, database=None):
    """
    Return the URL of a service's database on the node itself, for its commands.

    service
        Its name.

    view
        What ``openstack_ha.view`` returns.

    database
        As for ``connection``.
    """
    own = view["self"]["address"]
    return connection(service, own, view["galera"]["port"], own, database)


def pool(service, view, threads, database=None):
    """
    Return the section ``database`` of a service: its database through the VIP.

    service
        Its name.

    view
        What ``openstack_ha.view`` returns.

    threads
        Of each process.

    database
        As for ``connection``.
    """
    vip, own = view["vip"]["address"], view["self"]["address"]
    return {
        "connection": connection(service, vip, view["galera"]["port"], own, database),
        # A session that a failover has cut is seen when it is taken from the pool; those that
        # nobody uses must go before HAProxy or a firewall forgets them.
        "connection_recycle_time": 300,
        "max_pool_size": threads,
        "max_overflow": threads,
        "pool_timeout": 10,
        "max_retries": -1,
        "retry_interval": 1,
    }


def pending(scripts, have, is_linear=False, is_numbered=False):
    """
    Return what a database's schema lacks for a package.

    scripts
        The package's migrations, ``{path: text}``; the path names the branch.

    have
        The revisions that the schema is at, empty without a schema; None when that is not known.

    is_linear
        Whether the migrations are one line without branches.

    is_numbered
        Whether they are sqlalchemy-migrate's.

    Raises ValueError when a branch of the package has not one head, or no migration a number.
    """
    if have is None:
        return None
    if not have:
        return "sync"
    if is_numbered:
        return "nothing" if max(have) >= _last(scripts) else "expand"
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


def worst(found):
    """
    Return what a service's schema lacks.

    found
        What ``pending`` returned for each of its databases.
    """
    return None if None in found else max(found, key=PENDING.index)


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


def _revisions(database, is_numbered):
    column, table = (
        ("version", "migrate_version") if is_numbered else ("version_num", "alembic_version")
    )
    return f"SELECT {column} FROM `{database}`.{table}"


def _last(scripts):
    """The highest number among sqlalchemy-migrate's migrations."""
    numbers = [int(found[1]) for path in scripts if (found := NUMBERED.fullmatch(path))]
    if not numbers:
        raise ValueError("none of its migrations has a number")
    return max(numbers)


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
