"""
The master's side of a Galera cluster: gather evidence, decide, say the word, watch it done.

The rule itself is pure and stands in ``openstack_ha_galera_election``. A doorbell carries no
authority: its tag only chooses one of the master's own clusters, and everything that is decided
rests on job returns, which Salt authenticates.
"""

import json
import logging
import os
import pathlib
import time

import salt.client
import salt.utils.atomicfile
from salt.exceptions import SaltClientError, SaltRunnerError

log = logging.getLogger(__name__)

__virtualname__ = "openstack_ha_galera"

# Seconds for a node to answer a question; Salt then asks whether the job still runs, and goes on
# waiting while it does, so a long crash recovery or transfer is not cut off.
ANSWER_TIMEOUT = 10
# A step can take as long as a transfer does, and nobody else may act meanwhile. A lease whose owner
# has ended is free at once, so this is for an owner that hangs.
LEASE_TTL = 86400
TAG_PARTS = 4
# What the master keeps of a cluster that it has not seen yet.
NEW_RECORD = {"floor": None, "has_restarted": False, "without_primary_since": None}


def __virtual__():
    return __virtualname__


def evidence(name):
    """
    Return what every controller says of itself, with None for one that does not answer.

    name
        The cluster's name.

    Raises SaltRunnerError when there is no such cluster.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha_galera.evidence demo
    """
    return _gather(_members(name))


def elect(name):
    """
    Return what would be decided now and why, and the evidence; nothing is done.

    name
        The cluster's name.

    Returns ``{"decision": {verdict, nodes, why}, "evidence": {..}, "floor": {..} or None}``.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha_galera.elect demo
    """
    members = _members(name)
    found = _gather(members)
    return {
        "decision": _decide(members, found, _record(name)),
        "evidence": found,
        "floor": _record(name)["floor"],
    }


def record(name):
    """
    Return what the master keeps of the cluster: its last known good position and last decision.

    name
        The cluster's name.

    Returns ``{"floor": {uuid, seqno} or None, "decision": {verdict, nodes, why} or None}``.

    Raises SaltRunnerError when there is no such cluster.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha_galera.record demo
    """
    _members(name)
    kept = _record(name)
    return {key: kept.get(key) for key in ("floor", "decision")}


def forget(name):
    """
    Forget the cluster's last known good position, so that a first install may happen again.

    name
        The cluster's name.

    Returns the position that was forgotten, or None.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha_galera.forget demo
    """
    _members(name)
    record = _record(name)
    _keep(name, {**record, "floor": None})
    return record["floor"]


def answer(name=None, tag=None):
    """
    Answer a doorbell: bring every controller that asks into the cluster, as far as can be decided.

    name
        The cluster's name.

    tag
        The doorbell's tag, from which the reactor lets the name be taken.

    Only one at a time acts; a doorbell meanwhile makes that one look again. Returns the decisions
    in their order, or None when somebody else is at it.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha_galera.answer demo
    """
    return _look_until_done(name or _name_of(tag))


def booted(tag):
    """
    Look after the clusters of which a minion that has just started is a controller.

    tag
        The event's tag, ``salt/minion/<id>/start``. An id that is no controller's is nothing.

    Returns the decisions by cluster.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha_galera.booted salt/minion/ctl1/start
    """
    minion_id = tag.split("/")[2]
    names = __salt__["openstack_ha.clusters"]()
    return {name: _look_until_done(name) for name in names if minion_id in _members(name)}


def reconcile():
    """
    Look after every cluster, as a doorbell would: the master's schedule calls it, so that a
    lost event costs a moment only.

    Returns the decisions by cluster.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha_galera.reconcile
    """
    return {name: _look_until_done(name) for name in __salt__["openstack_ha.clusters"]()}


def recover(name, node=None, dry_run=True):
    """
    Bring a cluster back that nobody may bring back but a person; or say what would be done.

    name
        The cluster's name.

    node
        The controller to start from. Its data survives; what others have beyond it is lost. None
        leaves the choice to the rule.

    dry_run
        Only say what would be done next, and why. Nothing is done until this is False.

    A Primary component that exists is never given up for the node.

    Returns the next decision, or all of them in their order.

    Raises SaltRunnerError when the node is no controller, or somebody else is at it.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha_galera.recover demo node=ctl2
        salt-run openstack_ha_galera.recover demo node=ctl2 dry_run=False
    """
    members = _members(name)
    if node is not None and node not in members:
        raise SaltRunnerError(f"{node} is no controller of {name}; these are: {', '.join(members)}")
    if dry_run:
        return _decide(members, _gather(members), _record(name), node)
    decisions = _look_until_done(name, node)
    if decisions is None:
        raise SaltRunnerError(
            f"somebody else is at it: `salt-run openstack_ha_lease.show {name}.galera`"
        )
    return decisions


def _look_until_done(name, chosen=None):
    """Look, decide and act under the cluster's lease until there is nothing to act on."""
    members = _members(name)
    lease = f"{name}.galera"
    token = __salt__["openstack_ha_lease.acquire"](lease, LEASE_TTL)
    if token is None:
        return None
    decisions = []
    try:
        while True:
            rings = __salt__["openstack_ha_lease.renew"](lease, token, LEASE_TTL)
            if rings is None:
                log.warning("openstack_ha: the lease %s was lost to another owner", lease)
                return decisions
            decision = _step(name, members, chosen)
            decisions.append(decision)
            if decision["is_done"] and __salt__["openstack_ha_lease.release"](lease, token, rings):
                return decisions
    finally:
        __salt__["openstack_ha_lease.release"](lease, token)


def _step(name, members, chosen):
    """Look once, decide, act; ``is_done`` when there is nothing to act on."""
    found = _gather(members)
    record = _with_primary_clock(_record(name), found)
    decision = _decide(members, found, record, chosen)
    if decision["verdict"] == "settled":
        record = _settled_record(found)
    before = record.get("decision")
    _keep(name, {**record, "decision": decision})
    if before != decision:
        __salt__["event.send"](f"openstack_ha/{name}/galera/decision", decision)
    _tell(members, found, decision)
    act = ACTIONS.get(decision["verdict"])
    failures = act(name, members, decision, chosen) if act else {}
    return {**decision, "failures": failures, "is_done": not act or bool(failures)}


def _with_primary_clock(record, found):
    """The record, with the time of the first look that found no Primary component."""
    is_primary = __utils__["openstack_ha_galera_election.is_primary"]
    if any(is_primary(one) for one in found.values()):
        return {**record, "without_primary_since": None}
    return {**record, "without_primary_since": record["without_primary_since"] or time.time()}


def _bootstrap(name, members, decision, chosen):
    """Rule 10: every peer is asked again, and the word stands only if it is the same."""
    again = _gather(members)
    if _decide(members, again, _record(name), chosen) != decision:
        log.warning("openstack_ha: the evidence of %s changed before its bootstrap", name)
        return {}
    (first,) = decision["nodes"]
    return _order([first], "bootstrap", {"position": again[first]["position"]})


def _stand_down(name, members, decision, chosen):
    return _order(decision["nodes"], "stand_down", {})


def _join(name, members, decision, chosen):
    return _order(decision["nodes"], "start", {})


def _renew(name, members, decision, chosen):
    return _order(decision["nodes"], "restart", {})


def _restart(name, members, decision, chosen):
    """Launch only: who finds no Primary component joins for ever, and is looked at again."""
    _keep(name, {**_record(name), "has_restarted": True, "without_primary_since": time.time()})
    return _order(decision["nodes"], "launch", {})


ACTIONS = {
    "bootstrap": _bootstrap,
    "join": _join,
    "renew": _renew,
    "restart": _restart,
    "stand_down": _stand_down,
}


def _order(nodes, step, arguments):
    """Tell nodes to take a step and wait for it; return what went wrong by node."""
    failures = {}
    for node, reply in _ask(nodes, f"openstack_ha_galera.{step}", arguments).items():
        if reply is None:
            failures[node] = "did not answer"
        elif not isinstance(reply, dict):
            failures[node] = str(reply)
    if failures:
        log.error("openstack_ha: %s failed: %s", step, failures)
    return failures


def _tell(members, found, decision):
    """Say the word to those who answered and are not Synced: it ends or explains their wait."""
    waiting = [
        node
        for node in members
        if found[node] and not __utils__["openstack_ha_galera_election.is_synced"](found[node])
    ]
    if waiting:
        word = {"verdict": decision["verdict"], "why": decision["why"]}
        if decision["verdict"] == "refuse" and decision["nodes"]:
            waiting = [node for node in waiting if node in decision["nodes"]]
        _ask(waiting, "openstack_ha_galera.hear", word)


def _decide(members, found, record, chosen=None):
    since = record["without_primary_since"]
    return __utils__["openstack_ha_galera_election.decide"](
        members,
        found,
        record["floor"],
        has_restarted=record["has_restarted"],
        without_primary=time.time() - since if since else 0,
        chosen=chosen,
    )


def _gather(members):
    """Evidence by node; an answer that is no evidence is no answer."""
    replies = _ask(members, "openstack_ha_galera.evidence", {})
    for node, reply in replies.items():
        if reply is not None and not isinstance(reply, dict):
            log.warning("openstack_ha: no evidence of %s: %s", node, reply)
    return {node: reply if isinstance(reply, dict) else None for node, reply in replies.items()}


def _ask(nodes, fun, arguments):
    """Run a function on exactly these nodes; None for one that does not answer."""
    try:
        with salt.client.get_local_client(__opts__["conf_file"]) as client:
            replies = client.cmd(
                list(nodes),
                fun,
                kwarg=arguments,
                tgt_type="list",
                timeout=ANSWER_TIMEOUT,
                full_return=True,
            )
    except SaltClientError as exc:
        raise SaltRunnerError(f"the master cannot publish {fun}: {exc}") from exc
    return {node: _reply(replies.get(node)) for node in nodes}


def _reply(full):
    """What a node answered, None when it did not; an error is its text."""
    if not isinstance(full, dict) or "ret" not in full:
        return None
    if full.get("retcode") and isinstance(full["ret"], dict):
        return str(full["ret"])
    return full["ret"]


def _members(name):
    cluster = __salt__["openstack_ha.cluster"](name)
    return [
        minion_id for minion_id, node in cluster["nodes"].items() if "controller" in node["roles"]
    ]


def _name_of(tag):
    """The cluster's name in a doorbell's tag; ``_members`` refuses one that is not ours."""
    parts = (tag or "").split("/")
    if len(parts) != TAG_PARTS or parts[0] != "openstack_ha":
        raise SaltRunnerError(f"{tag!r} is no tag openstack_ha/<cluster>/galera/doorbell")
    return parts[1]


def _settled_record(found):
    """The position while all is well: the floor under every later decision."""
    synced = [one["wsrep"] for one in found.values() if one and one["wsrep"]]
    floor = {
        "uuid": synced[0]["state_uuid"],
        "seqno": max(one["last_committed"] for one in synced),
    }
    return {**NEW_RECORD, "floor": floor}


def _record_path(name):
    return os.path.join(__opts__["cachedir"], "openstack_ha", f"{name}.galera.json")


def _record(name):
    """What the master keeps of the cluster: its last known good position and last decision."""
    record = dict(NEW_RECORD)
    path = pathlib.Path(_record_path(name))
    if path.exists():
        record.update(json.loads(path.read_text(encoding="utf-8")))
    return record


def _keep(name, record):
    path = _record_path(name)
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    with salt.utils.atomicfile.atomic_open(path, "w") as handle:
        handle.write(json.dumps(record))
