"""
Look at the RabbitMQ broker of this host, and take the steps that the master decides.

What it takes for that is in modules of its own: ``openstack_ha_rabbitmq_tools`` talks to brokers,
``openstack_ha_rabbitmq_peers`` is about the other brokers, ``openstack_ha_rabbitmq_database`` about
what is on the disk, and ``openstack_ha_rabbitmq_definitions`` about what the broker serves.
"""

import contextlib
import fcntl
import os

from salt.exceptions import CommandExecutionError

__virtualname__ = "openstack_ha_rabbitmq"

_SERVICE = "rabbitmq-server"
_CONFIG = "/etc/rabbitmq/rabbitmq.conf"
# While it exists the unit starts a broker without a database too; see the unit's drop-in.
_MAY_BE_BLANK = "/run/openstack_ha/rabbitmq-may-be-blank"
_LOCK_FILE = "/run/openstack_ha/rabbitmq.lock"

# ActiveState of a unit that neither runs nor is about to.
_STILL = ("inactive", "failed")
_REPLICAS = 3

_DOWN = {
    "is_running": False,
    "cluster": None,
    "is_paused": False,
    "is_hanging": False,
    "members": [],
    "running": [],
    "partitions": [],
    "queues": [],
    "ill_queues": [],
}


def __virtual__():
    return __virtualname__


def status():
    """
    Return the state of the broker and of its cluster as the broker sees it.

    Returns a mapping with is_running, node, version, cluster_name, disk_nodes, ram_nodes,
    running_nodes, partitions, alarms, maintenance, listeners, versions and erlang_versions. Of a
    broker that does not run (not installed, stopped, starting, paused in a minority) everything
    but the first two is empty.

    Raises CommandExecutionError when the broker's state cannot be known.

    CLI Example:

    .. code-block:: bash

        salt '*' openstack_ha_rabbitmq.status
    """
    node = _node()
    found = _installed() and _machine_runs() and _asked(_erlang("status"))
    if not found:
        return __utils__["openstack_ha_rabbitmq.stopped_status"](node)
    try:
        return __utils__["openstack_ha_rabbitmq.parse_status"](found, node)
    except ValueError as exc:
        raise CommandExecutionError(f"the status of {node}: {exc}") from exc


def evidence():
    """
    Return what this broker is, in the form that ``openstack_ha_rabbitmq_membership`` documents.

    One that runs writes down which cluster it is of, for the day on which it does not.

    Raises CommandExecutionError when something cannot be told: unknown is not absent.

    CLI Example:

    .. code-block:: bash

        salt '*' openstack_ha_rabbitmq.evidence
    """
    unit = __salt__["openstack_ha_rabbitmq_tools.unit"](_SERVICE)
    seen = None if unit in _STILL or not _installed() else _look()
    members = (seen and seen["members"]) or __salt__["openstack_ha_rabbitmq_database.members"]()
    seen = seen or _DOWN
    if seen["cluster"]:
        __salt__["openstack_ha_rabbitmq_database.remember"](seen["cluster"])
    return {
        **seen,
        "cluster": seen["cluster"] or (None if _is_blank() else _remembered()),
        "is_ready": _installed() and os.path.exists(_CONFIG),
        "unit": unit,
        # Before a start is over, the machine alone runs for a moment too.
        "is_paused": seen["is_paused"] and unit == "active",
        "reaches": _serving_peers() if unit == "active" and not seen["is_running"] else [],
        "is_blank": _is_blank(),
        "members": members,
        "running_at_shutdown": __salt__["openstack_ha_rabbitmq_database.running_at_shutdown"](),
    }


def launch():
    """
    Start a broker that has a database, and do not wait for what comes of it.

    Returns an empty mapping.

    Raises CommandExecutionError when it has no database, or systemd refuses.

    CLI Example:

    .. code-block:: bash

        salt ctl1 openstack_ha_rabbitmq.launch
    """
    if _is_blank():
        raise CommandExecutionError(
            f"{_node()} has no database; `openstack_ha_rabbitmq.join` starts such a broker"
        )
    _systemctl("start", _SERVICE, 30, "--no-block")
    return {}


def join():
    """
    Start a broker that has no database, so that it joins its peers' cluster.

    Returns the status after it.

    Raises CommandExecutionError when it has a database, when no peer's broker serves, and as
    ``start`` does.

    CLI Example:

    .. code-block:: bash

        salt ctl3 openstack_ha_rabbitmq.join
    """
    _check_blank()
    if not _serving_peers():
        raise CommandExecutionError(f"no peer's broker serves that {_node()} could join")
    return start()


def form():
    """
    Start a broker that has no database, while no controller's broker has one: the first of them
    makes the cluster, the others join it. It gets the pillar's definitions.

    Returns the status after it.

    Raises CommandExecutionError when it has a database, and as ``start`` does.

    CLI Example:

    .. code-block:: bash

        salt ctl1 openstack_ha_rabbitmq.form
    """
    _check_blank()
    found = start()
    __salt__["openstack_ha_rabbitmq_definitions.apply"]()
    return found


def start(service=_SERVICE, timeout=300):
    """
    Start the broker and wait until it serves.

    service
        The systemd unit; its readiness is what is waited for.

    timeout
        Seconds. systemd goes on when they are over.

    One that has no database and is still a member of its peers' cluster, since it was wiped, is
    forgotten there first: else its quorum queues' replicas would come back with the right to vote
    and without what they had confirmed. It gets its replicas again when it has joined.

    Returns the status after it.

    Raises CommandExecutionError when the unit fails, or does not serve in time; and of one without
    a database, when it does not reach a majority of the controllers' hosts, or a peer that waits
    for the others knows it.

    CLI Example:

    .. code-block:: bash

        salt ctl1 openstack_ha_rabbitmq.start
    """
    with _alone():
        if _is_blank():
            _check_majority()
            _leave_as_wiped()
            with _allowed_to_be_blank():
                _systemctl("start", service, timeout)
            grow()
    _systemctl("start", service, timeout)
    return status()


def relaunch():
    """
    Start a broker's Erlang machine anew, when the broker in it stopped and did not start again.

    It has nothing to save: it serves nobody, and what it confirmed before is on its disk.

    Returns an empty mapping.

    Raises CommandExecutionError when the broker runs, or systemd refuses.

    CLI Example:

    .. code-block:: bash

        salt ctl1 openstack_ha_rabbitmq.relaunch
    """
    if evidence()["is_running"]:
        raise CommandExecutionError(f"{_node()} runs; nothing was done")
    # An application that hangs in its start does not answer a request to stop either.
    _systemctl("kill", _SERVICE, 30, "--signal=KILL")
    # Not a start: systemd may not have heard of the end yet.
    _systemctl("restart", _SERVICE, 30, "--no-block")
    return {}


def resume():
    """
    Let a broker go on that paused as a minority.

    Returns the status after it.

    Raises CommandExecutionError when it is not paused, or does not start.

    CLI Example:

    .. code-block:: bash

        salt ctl1 openstack_ha_rabbitmq.resume
    """
    if not evidence()["is_paused"]:
        raise CommandExecutionError(f"{_node()} is not paused; nothing was done")
    _call("rabbitmqctl", "start_app", timeout=300)
    return status()


def forget(broker):
    """
    Take a broker that does not run, and will not come back with its data, out of the cluster.

    broker
        The broker's full name, e.g. rabbit@ctl3.

    Its replicas of quorum queues go too. Should it come back with its data all the same, that is
    moved away and it joins anew.

    Returns the status after it.

    Raises CommandExecutionError when the broker runs, or is no member.

    CLI Example:

    .. code-block:: bash

        salt ctl1 openstack_ha_rabbitmq.forget rabbit@ctl3
    """
    _call("rabbitmqctl", "forget_cluster_node", broker)
    return status()


def grow():
    """
    Give this broker a replica of each quorum queue that has lost one.

    Returns ``{"grown": bool}``.

    Raises CommandExecutionError when a queue did not take it.

    CLI Example:

    .. code-block:: bash

        salt ctl3 openstack_ha_rabbitmq.grow
    """
    node = _node()
    if not _is_lacking(_look()):
        return {"grown": False}
    # With more than three controllers not every queue has a replica everywhere: those with an even
    # number have lost one.
    which = "all" if len(_view()["controllers"]) <= _REPLICAS else "even"
    text = _call("rabbitmq-queues", "grow", node, which, timeout=300)
    if _is_lacking(_look()):
        raise CommandExecutionError(f"rabbitmq-queues grow {node} {which}: {text.strip()}")
    return {"grown": True}


def repair(queues):
    """
    Mend quorum queues that are ill, as this broker's evidence tells: one without its replica here
    gets a new one from the leader, one without a leader elects one.

    queues
        ``[vhost, name]`` of each. One that is not ill (any more) is left alone, as is one without a
        majority of its members.

    Returns ``{"repaired": number}``.

    Raises CommandExecutionError when a queue could not be mended.

    CLI Example:

    .. code-block:: bash

        salt ctl3 openstack_ha_rabbitmq.repair '[["/", "notifications.info"]]'
    """
    done = __salt__["openstack_ha_rabbitmq_tools.ask_own"](_erlang("repair", queues), timeout=300)
    failed = [
        f"{one['name']} in {one['vhost']}: {one['result']}" for one in done if one["result"] != "ok"
    ]
    if failed:
        raise CommandExecutionError(
            f"{_node()} could not mend quorum queues: {'; '.join(failed)}; see "
            "docs/runbooks/broken-rabbitmq.md, 'A quorum queue is ill'"
        )
    return {"repaired": len(done)}


def rejoin_forgotten():
    """
    Move the database of a broker away that its peers' cluster does not know any more, and let it
    join that.

    Returns the status after it.

    Raises CommandExecutionError when the broker runs, or no majority of the controllers' brokers
    runs the cluster that it was of, without it; nothing is done then.

    CLI Example:

    .. code-block:: bash

        salt ctl3 openstack_ha_rabbitmq.rejoin_forgotten
    """
    node, majority = _node(), len(_view()["controllers"]) // 2 + 1
    others = [seen for seen in _looks_at_peers().values() if seen["is_running"]]
    if not any(len(seen["running"]) >= majority for seen in others):
        raise CommandExecutionError(
            f"no cluster of {majority} running brokers was found; {node} keeps its database"
        )
    if any(node in seen["members"] for seen in others) or status()["is_running"]:
        raise CommandExecutionError(f"{node} is a member, or runs; it keeps its database")
    if _remembered() not in {seen["cluster"] for seen in others}:
        raise CommandExecutionError(
            f"{node} is not known to have been of the cluster that runs; it keeps its database. "
            f"`salt-call openstack_ha_rabbitmq.rejoin {node}` gives it up"
        )
    __salt__["openstack_ha_rabbitmq_database.set_aside"](node)
    return start()


def stand_down():
    """
    Stop a broker that waits for others, however it does so.

    Returns the status after it.

    Raises CommandExecutionError when it runs, or does not stop.

    CLI Example:

    .. code-block:: bash

        salt ctl2 openstack_ha_rabbitmq.stand_down
    """
    if status()["is_running"]:
        raise CommandExecutionError(f"{_node()} runs; nothing was done")
    __salt__["openstack_ha_rabbitmq_tools.stop"]()
    return status()


def force_boot(broker, without=()):
    """
    Start this broker from its own tables, without waiting for brokers that stopped after it.

    broker
        The broker's full name, e.g. rabbit@ctl1: the word that it is meant.

    without
        Brokers, one or a list, whose databases are gone for ever. They are forgotten first, and the
        mirrored queues that they led are led by those that have a copy. Without that word RabbitMQ
        drops these queues when the brokers are forgotten later.

    For a person who knows that they do not come back: what they had and this one lacks is lost.
    ``salt-run openstack_ha_rabbitmq.recover`` does all of it.

    Returns the status after it.

    Raises CommandExecutionError when the name is not this broker's, or another one runs.

    CLI Example:

    .. code-block:: bash

        salt ctl1 openstack_ha_rabbitmq.force_boot rabbit@ctl1 without=rabbit@ctl3
    """
    __salt__["openstack_ha_rabbitmq_tools.check_meant"](broker)
    running = _serving_peers()
    if running or status()["is_running"]:
        raise CommandExecutionError(
            f"{', '.join(running) or broker} runs already; nothing was done"
        )
    __salt__["openstack_ha_rabbitmq_tools.stop"]()
    for lost in [without] if isinstance(without, str) else without:
        _call("rabbitmqctl", "forget_cluster_node", "--offline", lost, timeout=300)
    _call("rabbitmqctl", "force_boot")
    return start()


def rejoin(broker):
    """
    Move this broker's database away, messages included, and let it join its peers' cluster.

    For a person, about a broker that has a cluster of its own; no state calls it.

    broker
        The broker's full name, e.g. rabbit@ctl3: the word that it is meant.

    Returns the status after it. The database is kept, as
    ``openstack_ha_rabbitmq_database.set_aside`` says.

    Raises CommandExecutionError when the name is not this broker's, or no peer serves that it could
    join.

    CLI Example:

    .. code-block:: bash

        salt ctl3 openstack_ha_rabbitmq.rejoin rabbit@ctl3
    """
    __salt__["openstack_ha_rabbitmq_tools.check_meant"](broker)
    if not _serving_peers():
        raise CommandExecutionError(
            f"no other controller's broker serves, so {broker} would be alone again; nothing was "
            "done. Start another one first"
        )
    __salt__["openstack_ha_rabbitmq_database.set_aside"](broker)
    return start()


def _check_blank():
    if not _is_blank():
        raise CommandExecutionError(f"{_node()} has a database; nothing was done")


def _check_majority():
    """Two halves of a network that was cut do not both make a cluster."""
    found = __salt__["openstack_ha_rabbitmq_peers.probe"]()
    silent = [peer for peer, seen in found.items() if not seen["answers"]]
    reached = len(found) + 1 - len(silent)
    if not __utils__["openstack_ha_rabbitmq.may_form"](len(found) + 1, reached):
        raise CommandExecutionError(
            f"{_node()} has no database and reaches only {reached} of {len(found) + 1} "
            f"controllers' hosts; nothing was done. No answer from those of {', '.join(silent)}: "
            "start them, or mend the network between"
        )


def _leave_as_wiped():
    """End the membership that this broker has at its peers and has no database for."""
    node = _node()
    knowing = {peer: seen for peer, seen in _looks_at_peers().items() if node in seen["members"]}
    running = [peer for peer, seen in knowing.items() if seen["is_running"]]
    if knowing and not running:
        raise CommandExecutionError(
            f"{node} has no database, and {', '.join(knowing)} does not run and knows it as a "
            "member; a start now could cost messages. `"
            + __utils__["openstack_ha_rule.show"](_view()["name"], "rabbitmq")
            + "` tells more; docs/runbooks/broken-rabbitmq.md, 'Brokers wait for one another'"
        )
    for peer in running[:1]:
        # A minority cannot change a quorum queue's replicas.
        if 2 * len(knowing[peer]["running"]) > len(knowing[peer]["members"]):
            _call("rabbitmqctl", "forget_cluster_node", node, "--node", peer)


@contextlib.contextmanager
def _alone():
    """The master's order and a state run can want the same at the same time."""
    os.makedirs(os.path.dirname(_LOCK_FILE), mode=0o755, exist_ok=True)
    with open(_LOCK_FILE, "w", encoding="utf-8") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def _allowed_to_be_blank():
    with open(_MAY_BE_BLANK, "w", encoding="utf-8"):
        pass
    try:
        yield
    finally:
        os.unlink(_MAY_BE_BLANK)


def _look():
    """What this broker's Erlang machine knows; None when there is none."""
    return _asked(_erlang("look"))


def _is_lacking(seen):
    """Whether a quorum queue lost a replica that this broker could have."""
    return bool(seen) and __utils__["openstack_ha_rabbitmq_membership.lacks_replicas"](
        _node(), seen["members"], seen["queues"]
    )


def _machine_runs():
    """Whether the broker's Erlang machine runs, or is about to."""
    return __salt__["openstack_ha_rabbitmq_tools.unit"](_SERVICE) not in _STILL


def _is_blank():
    return __salt__["openstack_ha_rabbitmq_database.is_blank"]()


def _remembered():
    return __salt__["openstack_ha_rabbitmq_database.cluster"]()


def _installed():
    return __salt__["openstack_ha_rabbitmq_tools.installed"]()


def _serving_peers():
    return __salt__["openstack_ha_rabbitmq_peers.serving"]()


def _looks_at_peers():
    return __salt__["openstack_ha_rabbitmq_peers.look"]()


def _call(tool, *args, **kwargs):
    return __salt__["openstack_ha_rabbitmq_tools.call"](tool, *args, **kwargs)


def _systemctl(verb, service, timeout, *options):
    __salt__["openstack_ha_rabbitmq_tools.systemctl"](verb, service, timeout, *options)


def _asked(expressions):
    return __salt__["openstack_ha_rabbitmq_tools.ask"](expressions)


def _erlang(question, *args):
    return __utils__[f"openstack_ha_rabbitmq_erlang.{question}"](*args)


def _node():
    return __salt__["openstack_ha_rabbitmq_tools.broker"]()


def _view():
    return __salt__["openstack_ha.view"]()
