"""
The master's side of a boot: nodes that came up together come back by one orchestration.

An event carries no authority. Its id only chooses nodes of the master's own cluster files, and
these are asked whether they need anything. The cost of an event is an id in a spool; whoever finds
nobody at work does the work of all.
"""

import contextlib
import fcntl
import json
import logging
import os
import time

from salt.exceptions import SaltException

log = logging.getLogger(__name__)

__virtualname__ = "openstack_ha_rejoin"

ORCHESTRATION = "openstack_ha.orch.rejoin"
# The spool of ids as they came; those of a cluster's nodes go on to the spool of its name.
BOOTED = ".booted"
# Ids that a spool takes; what is beyond is found by the schedule.
MOST = 10000
# Seconds between two rounds of sorting, so that a flood of events costs little.
ROUND = 1
# Seconds without a further boot that end a batch, and seconds that end it in any case.
QUIET = 3
LONGEST_WAIT = 15
POLL = 1


def __init__(opts):
    __utils__["openstack_ha_command.guard"](globals())


def __virtual__():
    return __virtualname__


def booted(tag):
    """
    Note that a minion has started, and ring the doorbells of the systems on it.

    tag
        The event's tag, ``salt/minion/<id>/start``. An id that stands in no cluster file is
        nothing.

    Returns the nodes whose doorbells rang by cluster, or None when somebody else is at it.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha_rejoin.booted salt/minion/ctl1/start
    """
    minion_id = __utils__["openstack_ha_rejoin.minion_id"](tag)
    if minion_id is None:
        return {}
    __salt__["openstack_ha_silence.end"]([minion_id])
    _add(BOOTED, [minion_id])
    rung = {}

    def step():
        if step.is_later:
            time.sleep(ROUND)
        step.is_later = True
        for name, nodes in _sort().items():
            rung.setdefault(name, []).extend(nodes)
        return {"again": None}

    step.is_later = False
    looks = __salt__["openstack_ha_lease.look_until_done"]("rejoin.booted", step)
    return None if looks is None else rung


def answer(name):
    """
    Bring the noted nodes of a cluster back, batch after batch.

    name
        The cluster's name.

    Only one at a time acts, and looks once more for whoever rang meanwhile. A batch ends with the
    event ``openstack_ha/<cluster>/rejoin/done``.

    Returns each batch as ``{"nodes": {node: {"is_back": bool, "step": .., "why": ..}}, "seconds":
    .., "ended": seconds since the epoch}``, with neither step nor reason for a node that is back,
    or None when somebody else is at it. ``salt-run openstack_ha_record.read <cluster>.rejoin``
    shows the last one.

    Raises SaltRunnerError when there is no such cluster.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha_rejoin.answer demo
    """
    name = __salt__["openstack_ha.cluster"](name)["name"]
    batches = []

    def step():
        batch = _batch(name)
        if batch:
            batches.append(batch)
        return {"again": None}

    looks = __salt__["openstack_ha_lease.look_until_done"](f"{name}.rejoin", step)
    return None if looks is None else batches


def reconcile(name=None):
    """
    Ask every node whether it needs to come back, and bring back those that do: the master's
    schedule calls it, for events that were lost and batches that failed.

    name
        The cluster's name; all clusters where it is left out.

    Returns the batches by cluster.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha_rejoin.reconcile
    """
    if name is not None:
        clusters = {name: __salt__["openstack_ha.cluster"](name)}
    else:
        clusters = __salt__["openstack_ha.looked_after"]()
    for one, cluster in clusters.items():
        _add(one, cluster["nodes"])
    return {one: answer(one) for one in clusters}


def _sort():
    """Hand the ids on to their clusters and ring; what was rung for, by cluster."""
    ids, rung = _take(BOOTED), {}
    if not ids:
        return rung
    for name, cluster in __salt__["openstack_ha.looked_after"]().items():
        gone = [one for one in ids if one in cluster["left"]]
        __salt__["openstack_ha_leaving.stop_returned"](cluster, gone)
        own = [one for one in ids if one in cluster["nodes"]]
        if own:
            _add(name, own)
            _ring(name, cluster, own)
            rung[name] = own
    return rung


def _ring(name, cluster, nodes):
    """A look of the systems that have one does not wait for a batch that is under way."""
    steps = __utils__["openstack_ha_rejoin.steps"](cluster, nodes)
    # The rings are looked after as one, whichever part of Swift a node has.
    systems = dict.fromkeys(step["system"].partition(".")[0] for step in steps)
    coordinated = __utils__["openstack_ha_cluster.coordinated"]()
    for system in filter(coordinated.__contains__, systems):
        __salt__["event.send"](f"openstack_ha/{name}/{system}/doorbell", {})
    __salt__["event.send"](f"openstack_ha/{name}/booted", {})


def _batch(name):
    """Bring the noted nodes back that need it; None when there is none."""
    if not _noted(name):
        return None
    _await_quiet(name)
    begin = time.monotonic()
    cluster = __salt__["openstack_ha.cluster"](name)
    nodes = [one for one in _take(name) if one in cluster["nodes"]]
    found = __salt__["openstack_ha_members.evidence"](nodes, "openstack_ha_rejoin.status")["found"]
    known = {node: one for node, one in found.items() if one and "is_deployed" in one}
    due = __utils__["openstack_ha_rejoin.due"](known)
    if not due:
        return None
    failures = _come_back(cluster, due)
    outcome = {
        "nodes": {
            node: {
                "is_back": node not in failures,
                "step": None,
                "why": None,
                **failures.get(node, {}),
            }
            for node in due
        },
        "seconds": round(time.monotonic() - begin, 1),
        "ended": time.time(),
    }
    __salt__["openstack_ha_record.keep"](f"{name}.rejoin", outcome)
    __salt__["event.send"](f"openstack_ha/{name}/rejoin/done", outcome)
    return outcome


def _come_back(cluster, nodes):
    """
    Why nodes did not come back. One that fails gets no later step, and holds nobody else up: the
    orchestration is taken up again without it.
    """
    failures, left = {}, list(nodes)
    while left:
        failed = _orchestrate(cluster, left)
        failures.update(failed)
        if not failed:
            break
        left = [node for node in left if node not in failed]
    if left:
        unmarked = __salt__["openstack_ha_members.order"](left, "openstack_ha_rejoin.finish")
        failures.update({node: {"step": "finish", "why": why} for node, why in unmarked.items()})
    if failures:
        log.error("openstack_ha: nodes of %s did not come back: %s", cluster["name"], failures)
    return failures


def _orchestrate(cluster, nodes):
    steps = __utils__["openstack_ha_rejoin.steps"](cluster, nodes)
    pillar = {"openstack_ha_rejoin": {"nodes": nodes, "steps": steps}}
    try:
        returned = __salt__["state.orchestrate"](ORCHESTRATION, pillar=pillar)
    except SaltException as exc:
        return {node: {"step": None, "why": str(exc)} for node in nodes}
    (states,) = returned["data"].values()
    return __utils__["openstack_ha_rejoin.failures"](steps, states)


def _await_quiet(name):
    """Wait until no further node of the cluster has booted for a while."""
    begin = changed = time.monotonic()
    noted = _noted(name)
    while time.monotonic() - changed < QUIET and time.monotonic() - begin < LONGEST_WAIT:
        time.sleep(POLL)
        now = _noted(name)
        if now != noted:
            noted, changed = now, time.monotonic()


def _add(spool, ids):
    with _spool(spool) as noted:
        for one in ids:
            if len(noted) < MOST:
                noted[one] = True


def _take(spool):
    with _spool(spool) as noted:
        ids = list(noted)
        noted.clear()
    return ids


def _noted(spool):
    with _spool(spool) as noted:
        return list(noted)


@contextlib.contextmanager
def _spool(name):
    """The ids of a spool as keys, read and written back under the file's own lock."""
    folder = os.path.join(__opts__["cachedir"], "openstack_ha", "rejoin")
    os.makedirs(folder, mode=0o700, exist_ok=True)
    with open(os.path.join(folder, f"{name}.json"), "a+", encoding="utf-8") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        handle.seek(0)
        text = handle.read()
        try:
            noted = dict.fromkeys(json.loads(text or "[]"))
        except ValueError:
            # A full disk has cut it; the schedule finds who was in it.
            noted = {}
        yield noted
        left = json.dumps(list(noted))
        if left != text:
            handle.seek(0)
            handle.truncate()
            handle.write(left)
