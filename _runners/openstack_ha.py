"""
The cluster as the master knows it: its file, its check, and secrets for it.
"""

import logging
import os
import textwrap
import time

import salt.utils.yaml
from salt.exceptions import SaltException, SaltRunnerError

log = logging.getLogger(__name__)

__virtualname__ = "openstack_ha"

# What has a decision for each service.
BY_SERVICE = ("db_sync", "turn")
# What has one more, and about what.
BESIDE = {"nova": "progress"}
# Of what stands below openstack_ha.
INDENTATION = "  "
# Seconds that the schedule's look waits for a node which still works on its answer.
PATIENCE = 20


def __init__(opts):
    __utils__["openstack_ha_command.guard"](globals())


def __virtual__():
    return __virtualname__


def files():
    """
    Return the paths of the cluster files that the master's ext_pillar names.

    Raises SaltRunnerError when it names none.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha.files
    """
    entries = __opts__.get("ext_pillar") or []
    paths = [entry["openstack_ha"] for entry in entries if "openstack_ha" in entry]
    if not paths:
        raise SaltRunnerError(
            "the master's ext_pillar names no openstack_ha cluster file; "
            "`salt-call --local state.apply openstack_ha.master` on the master configures it"
        )
    return paths


def check():
    """
    Show every fault of each cluster file; of one without, what was understood, and what to be
    warned of: in the file, and about the minions that are to be its nodes. What two files both
    claim is a fault of the later one.

    The command's exit code is 0 without a fault, whatever it warns of, and 1 with one.
    ``--out=json`` gives the plain data: ``{"retcode", "files": {path: {"faults", "warnings",
    "understood"}}}``, the last one as ``openstack_ha_warnings`` of the utils explains it, and None
    with a fault.

    Raises SaltRunnerError when the master's ext_pillar names no cluster file.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha.check
    """
    found = {path: _checked(path) for path in files()}
    call = __salt__["openstack_ha_execution.call"]
    whole = {
        path: call("openstack_ha_cluster.load", path)
        for path, one in found.items()
        if not one["faults"]
    }
    for path, lines in __utils__["openstack_ha_cluster.collisions"](whole).items():
        found[path] = {"faults": lines, "warnings": [], "understood": None}
    for path, lines in call("openstack_ha_preflight.minions").items():
        if not found[path]["faults"]:
            found[path]["warnings"] += lines
    data = {"retcode": int(any(one["faults"] for one in found.values())), "files": found}
    return {"outputter": "openstack_ha_check", "data": data}


def cluster(name):
    """
    Return what a runner needs of the cluster of this name, as ``clusters`` does.

    name
        The cluster's name.

    Raises SaltRunnerError when no cluster file is of that name.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha.cluster demo
    """
    known, unread = _clusters()
    if name not in known:
        named = f"the cluster files name {', '.join(known)}" if known else "none can be read"
        others = "".join(f"; {path}: {why}" for path, why in unread.items())
        raise SaltRunnerError(f"there is no cluster {name!r}; {named}{others}")
    return known[name]


def clusters():
    """
    Return name, networks, VIP, nodes, Swift's rings and their owner of every cluster, by its name;
    a controller that has left it is no node of it, and stands in ``left``.

    Of a file with a fault counts what it said last without one; ``broken`` has since when, else
    None, and ``file`` the file. One that never was without a fault, or that claims what one before
    it has, is left out, and holds none of the others up.

    Raises SaltRunnerError when no cluster is left.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha.clusters
    """
    known, unread = _clusters()
    if not known:
        raise SaltRunnerError("; ".join(f"{path}: {why}" for path, why in unread.items()))
    return known


def looked_after():
    """
    Return what ``clusters`` does, and nothing where no cluster is left, with the reason in the log:
    for the schedule and the reactor, whose errors would be a traceback every half minute.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha.looked_after
    """
    try:
        return clusters()
    except SaltException as exc:
        log.error("openstack_ha: nothing is looked after: %s", exc)
        return {}


def status(name=None):
    """
    Show one view of a whole cluster: who holds the VIP, HAProxy's back ends, the members of Galera
    and RabbitMQ, the compute nodes with their machines and networks, Swift's rings and disks, the
    units of every node, the last decision about each system, a verdict, what is under way, and what
    is wrong, with the command that mends it.

    name
        The cluster's name; it may be left out where the cluster files name only one.

    The verdict is ``healthy``, ``degraded`` (it serves, and something of it or its spare does not)
    or ``dead``; the command's exit code is 0, 1 or 2. ``--out=json`` gives the plain data, as
    ``assess`` in the utils module ``openstack_ha_status`` describes it.

    Raises SaltRunnerError when there is no such cluster, or several to choose from.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha.status demo
        salt-run openstack_ha.status demo --out=json
    """
    chosen = cluster(name or _only_name())
    nodes = list(chosen["nodes"])
    data = __utils__["openstack_ha_status.assess"](
        chosen,
        __salt__["openstack_ha_members.survey"](nodes, "openstack_ha.node_status"),
        _records(chosen),
        time.time(),
        __salt__["openstack_ha_members.keys"](nodes),
    )
    # salt-run takes its exit code from data's "retcode"; the one in __context__ ends in the event.
    return {"outputter": "openstack_ha_status", "data": data}


def diff(name=None):
    """
    Show what a cluster file means before it is applied: its options by system, as they were and as
    they are, which services reload, which go round by turns, about what the master decides anew,
    and what a guard refuses. Nothing is done.

    name
        The cluster's name; it may be left out where the cluster files name only one.

    Each node is compared with what it applied itself in its last whole highstate; a rejoin is none.
    Of secrets is said which ones differ, and no more.

    The command's exit code is 0 without a difference, 1 with a fault, also where a value is refused
    or a node cannot be compared, and 2 with a difference. ``--out=json`` gives the plain data, as
    ``assess`` in the utils module ``openstack_ha_difference`` describes it, and ``refused``, a line
    for each value that a highstate cannot change.

    Raises SaltRunnerError when there is no such cluster, or several to choose from, or its file has
    a fault.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha.diff demo
    """
    chosen, call = cluster(name or _only_name()), __salt__["openstack_ha_execution.call"]
    file, refused = chosen["file"], []
    members = list(chosen["nodes"])
    if chosen["broken"]:
        try:
            found = call("openstack_ha_cluster.refused", file)
        except SaltException as exc:
            raise SaltRunnerError(
                f"{file} has faults, and no state run changes anything: "
                "`salt-run openstack_ha.check` shows them"
            ) from exc
        members, refused = found["nodes"], found["objections"]
    said = __salt__["openstack_ha_members.survey"](members, "openstack_ha_applied.last")
    data = call("openstack_ha_applied.difference", file, said)
    if refused:
        data["retcode"] = 1
    return {
        "outputter": "openstack_ha_diff",
        "data": {"file": file, **data, "refused": refused},
    }


def watch(name=None, timeout=3600):
    """
    Show what happens in a cluster, a line for each thing as it comes: decisions with their reason,
    steps of state runs by node, what nodes wait for and for how long.

    name
        The cluster's name; it may be left out where the cluster files name only one.

    timeout
        Seconds after which it ends; Ctrl-C ends it before.

    Steps are told where the master's configuration has ``state_events``, as the formula's own has.
    An event proves nothing: ``openstack_ha.status`` asks.

    Raises SaltRunnerError when there is no such cluster, or several to choose from, or the master
    is not heard.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha.watch demo
        salt-run openstack_ha.watch demo timeout=600
    """
    chosen = cluster(name or _only_name())
    return __salt__["openstack_ha_watch.follow"](chosen, _records(chosen), timeout)


def leave(name, node, dry_run=True):
    """
    Take a controller out of its cluster, a living or a dead one, before it is taken out of the
    cluster file; or say what would be done.

    name
        The cluster's name.

    node
        The controller's id.

    dry_run
        Only say what would be done. Nothing is done until this is False.

    The VIP goes first, then what is behind HAProxy, then HAProxy itself, at last its broker and its
    database by a clean stop; the brokers that stay forget it. From then on the cluster is without
    it, whatever its file says, until ``openstack_ha.join``. All others have to serve meanwhile, and
    a silent one has to be dead: nobody knocks in vain at the host of one whose minion hangs.

    Returns ``{"is_done": bool, "steps": [line, ..]}``; the last line is what is left to a person.

    Raises SaltRunnerError with every reason when it must not leave, when a step fails (the same
    command goes on from there), or there is no such controller.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha.leave demo ctl3
        salt-run openstack_ha.leave demo ctl3 dry_run=False
    """
    return __salt__["openstack_ha_leaving.leave"](name, node, dry_run)


def join(name, node):
    """
    Let a controller that has left its cluster, or a new host of its name, be one of it again.

    name
        The cluster's name.

    node
        The controller's id.

    Returns ``{"steps": [line, ..]}``: what is left to a person, which is that the others learn of
    it before its first highstate.

    Raises SaltRunnerError when it has not left.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha.join demo ctl3
    """
    return __salt__["openstack_ha_leaving.join"](name, node)


def reconcile(name=None):
    """
    Look once at everything that the master looks after, and ring where something is to be done: the
    master's schedule calls it, so that a lost event costs a moment only.

    name
        The cluster's name; all clusters where it is left out.

    Each node is asked once, whatever there is on it. A node that hangs holds nobody up: it counts
    as silent, and who is rung for asks again.

    Returns the systems that were rung for, by cluster.

    Raises SaltRunnerError when there is no such cluster.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha.reconcile
    """
    chosen = looked_after() if name is None else {name: cluster(name)}
    return {one: _rung_for(one, whole) for one, whole in chosen.items()}


def _rung_for(name, one):
    """Look at one cluster; the systems that were rung for."""
    begun = __salt__["openstack_ha_lease.now"]()
    systems_of = __utils__["openstack_ha_cluster.looked_after"]
    nodes = {node: systems for node in one["nodes"] if (systems := systems_of(one, node))}
    gone = [node for node, left in one["left"].items() if not left["is_stopped"]]
    looked = __salt__["openstack_ha_members.evidence"](
        [*nodes, *gone], "openstack_ha.evidence", PATIENCE
    )
    returned = [node for node in gone if looked["found"][node] is not None]
    __salt__["openstack_ha_leaving.stop_returned"](one, returned)
    try:
        __salt__["openstack_ha_guard.learn"](one, looked["found"])
    except Exception:
        log.exception("openstack_ha: what %s runs with cannot be learned", name)
    rung = []
    for system in dict.fromkeys(system for systems in nodes.values() for system in systems):
        own = [node for node, systems in nodes.items() if system in systems]
        found = {node: _said_of(system, node, looked["found"][node]) for node in own}
        seen = {"found": found, "rivals": looked["rivals"], "begun": begun}
        try:
            is_idle = __salt__["openstack_ha_coordinator.is_idle"](name, system, seen)
        except Exception:
            # A fault in one rule leaves the other systems their look.
            log.exception("openstack_ha: %s of %s cannot be decided", system, name)
            continue
        # None: somebody is at it at this moment.
        if is_idle is False:
            __salt__["event.send"](f"openstack_ha/{name}/{system}/doorbell", {})
            rung.append(system)
    return rung


def _said_of(system, node, said):
    """A node's evidence of one system; who fails, or lacks the function, does so with all."""
    if said is None or "lacks" in said or "error" in said:
        return said
    one = said.get(system)
    if isinstance(one, dict):
        return one
    log.warning("openstack_ha: no evidence of %s of %s: %s", system, node, one)
    return None if one is None else {"error": str(one)}


def secrets(name, destination):
    """
    Write a complete ``secrets`` section for the cluster file: those it has, new ones for the rest,
    indented as it belongs at the end of that file.

    name
        Path of the cluster file; it may lack every secret.

    destination
        A file that does not exist yet; it is made readable for its owner only.

    Returns the destination. The secrets themselves are never returned: a runner's return is an
    event.

    Raises SaltRunnerError when the destination exists, or the master's user cannot write it.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha.secrets /srv/openstack_ha/cluster.yaml /srv/openstack_ha/secrets.yaml
    """
    made = __salt__["openstack_ha_execution.call"]("openstack_ha_cluster.secrets", name)
    try:
        handle = os.open(destination, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as exc:
        raise SaltRunnerError(f"{destination} exists; name a new file") from exc
    except OSError as exc:
        raise SaltRunnerError(
            f"{destination} cannot be written by {__opts__['user']}, the master's user: "
            f"{exc.strerror}; name a file in a folder of that user's"
        ) from exc
    text = salt.utils.yaml.safe_dump({"secrets": made}, default_flow_style=False)
    with os.fdopen(handle, "w", encoding="utf-8") as stream:
        stream.write(textwrap.indent(text, INDENTATION))
    return destination


def _checked(path):
    call, nothing = __salt__["openstack_ha_execution.call"], {"warnings": [], "understood": None}
    try:
        lines = call("openstack_ha_cluster.faults", path)
        if not lines:
            return {"faults": [], **call("openstack_ha_cluster.understood", path)}
    except SaltException as exc:
        lines = str(exc).splitlines()
    return {"faults": lines, **nothing}


def _clusters():
    """The clusters by name, and why files are left out."""
    read, unread = {}, {}
    for path in files():
        try:
            read[path] = __salt__["openstack_ha_execution.call"](
                "openstack_ha_cluster.current", path
            )
        except SaltException as exc:
            log.error("openstack_ha: %s is left out: %s", path, exc)
            unread[path] = "; ".join(str(exc).splitlines())
    whole = {path: one["cluster"] for path, one in read.items()}
    for path, lines in __utils__["openstack_ha_cluster.collisions"](whole).items():
        log.error("openstack_ha: %s is left out: %s", path, lines)
        unread[path] = "; ".join(lines)
    known = {
        one["cluster"]["name"]: _in_short(path, **one)
        for path, one in read.items()
        if path not in unread
    }
    return known, unread


def _in_short(path, cluster, broken):
    one, left = cluster, __salt__["openstack_ha_execution.call"]("openstack_ha_left.nodes", path)
    return {
        "file": path,
        "broken": broken,
        **{
            key: one[key]
            for key in ("name", "network", "vip", "nodes", "keystone", "nova", "nova_network")
        },
        # Its being there is what says that it runs.
        **({"horizon": {}} if "horizon" in one else {}),
        "left": {node: left[node] for node in one.get("left", ())},
        # Of the cluster file's shape, so that the owner is known of either.
        "swift": {
            "auth": one["swift"]["auth"],
            "owner": __utils__["openstack_ha_cluster.rings_owner"](one),
            "rings": list(one["swift"]["rings"]),
        },
    }


def _records(one):
    """What is kept of each thing about which there is a decision."""
    read = __salt__["openstack_ha_record.read"]
    return {system: read(f"{one['name']}.{system}") for system in _decided(one)}


def _decided(one):
    """What of a cluster there is a decision about."""
    systems = _coordinated(one)
    beside = [f"{name}.{about}" for name, about in BESIDE.items() if name in systems]
    return [*systems, *beside, *_schemas(one), *_turns(one)]


def _coordinated(one):
    """The systems of a cluster about which there is one decision; of the others, see below."""
    nodes_of = __utils__["openstack_ha_cluster.looked_after_on"]
    known = __utils__["openstack_ha_cluster.coordinated"]()
    return [name for name in known if name not in BY_SERVICE and nodes_of(one, name)]


def _schemas(one):
    systems = __utils__["openstack_ha_cluster.all_systems"](one)
    return [f"db_sync.{name}" for name in __utils__["openstack_ha_db_sync.services"](systems)]


def _turns(one):
    systems = __utils__["openstack_ha_cluster.all_systems"](one)
    return [f"turn.{name}" for name in __utils__["openstack_ha_systems.turns"]() if name in systems]


def _only_name():
    names = list(clusters())
    if len(names) != 1:
        raise SaltRunnerError(f"which of the clusters {', '.join(names)}? Name it, as {names[0]}")
    return names[0]
