"""
A controller leaves its cluster, alive or dead, or may come back.

What the cluster is without it and in which steps it goes, ``openstack_ha_left`` of the utils says.
Each step may be repeated: after one that failed, the same command goes on.
"""

import logging
import time

from salt.exceptions import SaltRunnerError

log = logging.getLogger(__name__)

__virtualname__ = "openstack_ha_leaving"

# Seconds that a look of a system which still counts the node is waited for.
PATIENCE = 300
# Seconds between looks at what is drained.
LOOK_AGAIN = 1


def __init__(opts):
    __utils__["openstack_ha_command.guard"](globals())


def __virtual__():
    return __virtualname__


def leave(name, node, dry_run=True):
    """
    Have a controller leave, as ``openstack_ha.leave`` describes it.

    name
        The cluster's name.

    node
        The controller's id.

    dry_run
        Only say what would be done.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha.leave demo ctl3
    """
    cluster = __salt__["openstack_ha.cluster"](name)
    if node in cluster["left"]:
        return _go_on(cluster, node, dry_run)
    if node not in cluster["nodes"]:
        known = ", ".join(cluster["nodes"])
        raise SaltRunnerError(f"{node} is no node of {name}; these are: {known}")
    is_dead = _checked(cluster, node)
    steps = __utils__["openstack_ha_left.steps"](cluster, node, is_dead)
    if not dry_run:
        _take(cluster, node, is_dead)
    return {"is_done": not dry_run, "steps": steps}


def join(name, node):
    """
    Let a controller come back, as ``openstack_ha.join`` describes it.

    name
        The cluster's name.

    node
        The controller's id.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha.join demo ctl3
    """
    cluster = __salt__["openstack_ha.cluster"](name)
    if not _on_record("remove", cluster["file"], node):
        raise SaltRunnerError(f"{node} has not left {name}; nothing was done")
    stay = [one["id"] for one in __utils__["openstack_ha_cluster.controllers"](cluster)]
    return {
        "steps": [
            f"{node} may stand in {cluster['file']} as a controller again",
            f"left to you: `salt -L {','.join([*stay, node])} state.highstate queue=True`; its "
            "keepalived waits until the others know it",
        ]
    }


def stop_returned(cluster, nodes):
    """
    Stop what a boot has started on controllers that left while they were dead.

    cluster
        What ``openstack_ha.cluster`` returns.

    nodes
        Ids of some that answer.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha.reconcile demo
    """
    for node in nodes:
        log.warning("openstack_ha: %s has left %s, and is back", node, cluster["name"])
        try:
            _stop_all(cluster, node)
        except SaltRunnerError as exc:
            log.error("openstack_ha: %s does not stop: %s", node, exc)


def _go_on(cluster, node, dry_run):
    """One that is on record has been checked; what is left is that it stops and is forgotten."""
    name, is_stopped = cluster["name"], cluster["left"][node]["is_stopped"]
    steps = [] if is_stopped else [f"{node}: everything of {name} stops, if it answers"]
    steps.append(f"the brokers that stay forget the one of {node}")
    if not dry_run:
        is_there = __salt__["openstack_ha_members.evidence"]([node], "openstack_ha.evidence")
        if not is_stopped and is_there["found"][node] is not None:
            _stop_all(cluster, node)
        __salt__["openstack_ha_coordinator.by_hand"](name, "rabbitmq")
    return {"is_done": not dry_run, "steps": steps}


def _stop_all(cluster, node):
    _stop(node, cluster["left"][node]["systems"])
    _on_record("stopped", cluster["file"], node)


def _checked(cluster, node):
    """Whether the node is dead; raises where it must not leave."""
    members = [one["id"] for one in __utils__["openstack_ha_cluster.controllers"](cluster)]
    looked = __salt__["openstack_ha_members.evidence"](
        members, "openstack_ha.evidence", is_thorough=True
    )
    if looked["rivals"]:
        rivals = "; ".join(f"{one} obeys the master {it}" for one, it in looked["rivals"].items())
        raise SaltRunnerError(rivals)
    found = looked["found"]
    is_dead = found.get(node) is None
    reached = [one for one in members if is_dead and found[one] and _reaches(one, node)]
    lines = __utils__["openstack_ha_left.objections"](cluster, node, found, reached)
    if lines:
        raise SaltRunnerError("\n".join(lines))
    return is_dead


def _reaches(one, node):
    ask = __salt__["openstack_ha_members.ask"]
    return ask(one, "openstack_ha_leaving.is_reached", {"node": node})["is_reached"]


def _take(cluster, node, is_dead):
    name, file = cluster["name"], cluster["file"]
    parts = __utils__["openstack_ha_cluster.systems"](cluster, node)
    parts = __utils__["openstack_ha_left.leaving"](parts)
    _on_record("add", file, node, parts)
    _await_looks(cluster)
    if not is_dead:
        _stop(node, parts[:1])
        _drain(cluster, node)
        _stop(node, parts[1:])
        _on_record("stopped", file, node)
    __salt__["openstack_ha_coordinator.by_hand"](name, "rabbitmq")


def _await_looks(cluster):
    """Whoever looked before the node was on record may still start something there."""
    for system in __utils__["openstack_ha_cluster.coordinated"]():
        lease, step = f"{cluster['name']}.{system}", lambda: {"again": None}
        if __salt__["openstack_ha_lease.look_until_done"](lease, step, PATIENCE) is None:
            raise SaltRunnerError(
                f"{system} has been at work for {PATIENCE} s "
                f"(`salt-run openstack_ha_lease.show {lease}`); the same command goes on from here"
            )


def _drain(cluster, node):
    """Wait until nobody uses what HAProxy sends work to, as long as a turn of it would."""
    services = __utils__["openstack_ha_left.drained"](cluster, node)
    for service in services:
        failures = __salt__["openstack_ha_members.order"](
            [node], "openstack_ha_turn.drain", {"service": service}
        )
        if failures:
            # Its work is cut off then, which the clients repeat.
            log.warning("openstack_ha: %s of %s is not drained: %s", service, node, failures)
    begin, most = time.monotonic(), __utils__["openstack_ha_left.patience"](services)
    members = [one["id"] for one in __utils__["openstack_ha_cluster.controllers"](cluster)]
    host, used = cluster["nodes"][node]["hostname"], __utils__["openstack_ha_left.used"]
    while time.monotonic() - begin < most:
        looked = __salt__["openstack_ha_members.evidence"](members, "openstack_ha_turn.evidence")
        if not used(host, services, looked["found"]):
            return
        time.sleep(LOOK_AGAIN)


def _stop(node, parts):
    failures = __salt__["openstack_ha_members.order"](
        [node], "openstack_ha_leaving.stop", {"systems": parts}
    )
    if failures:
        raise SaltRunnerError(f"{node}: {failures[node]}; the same command goes on from here")


def _on_record(step, file, *arguments):
    return __salt__["openstack_ha_execution.call"](f"openstack_ha_left.{step}", file, *arguments)
