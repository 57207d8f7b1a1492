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

import salt.client
import salt.utils.atomicfile
from salt.exceptions import SaltClientError, SaltRunnerError

log = logging.getLogger(__name__)

__virtualname__ = "openstack_ha_galera"

# Seconds for a node to answer a question; Salt then asks whether the job still runs, and goes on
# waiting while it does, so a long crash recovery or transfer is not cut off.
ANSWER_TIMEOUT = 10
# Longer than the longest step between two renewals while nothing is being waited for.
LEASE_TTL = 120
TAG_PARTS = 4


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
    name = name or _name_of(tag)
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
            decision = _step(name, members, lease, token)
            decisions.append(decision)
            if decision["is_done"] and __salt__["openstack_ha_lease.release"](lease, token, rings):
                return decisions
    finally:
        __salt__["openstack_ha_lease.release"](lease, token)


def _step(name, members, lease, token):
    """Look once, decide, act; ``is_done`` when there is nothing to act on."""
    found = _gather(members)
    record = _record(name)
    decision = _decide(members, found, record)
    decision["is_done"] = decision["verdict"] in ("settled", "wait", "refuse")
    if decision["verdict"] == "settled":
        record = _settled_record(found)
    _keep(name, {**record, "decision": decision})
    if record.get("decision") != decision:
        __salt__["event.send"](f"openstack_ha/{name}/galera/decision", decision)
    _tell(members, found, decision)
    act = {
        "bootstrap": _bootstrap,
        "join": _join,
        "renew": _renew,
        "restart": _restart,
    }.get(decision["verdict"])
    if act:
        # A start can take as long as a transfer does; nobody else may act meanwhile.
        __salt__["openstack_ha_lease.renew"](lease, token, 86400)
        decision["failures"] = act(name, members, found, decision)
        decision["is_done"] = bool(decision["failures"])
    return decision


def _bootstrap(name, members, found, decision):
    """Rule 10: every peer is asked again, and the word stands only if it is the same."""
    again = _gather(members)
    if _decide(members, again, _record(name)) != _plain(decision):
        log.warning("openstack_ha: the evidence of %s changed before its bootstrap", name)
        return {}
    (first,) = decision["nodes"]
    return _order([first], "bootstrap", {"position": again[first]["position"]})


def _join(name, members, found, decision):
    return _order(decision["nodes"], "start", {})


def _renew(name, members, found, decision):
    return _order(decision["nodes"], "restart", {})


def _restart(name, members, found, decision):
    failures = _order(decision["nodes"], "start", {})
    _keep(name, {**_record(name), "has_restarted": True})
    # The next look finds a Primary component, or decides without another restart.
    log.info("openstack_ha: plain start of %s: %s", name, failures or "done")
    return {}


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


def _decide(members, found, record):
    return __utils__["openstack_ha_galera_election.decide"](
        members, found, record["floor"], record["has_restarted"]
    )


def _plain(decision):
    return {key: decision[key] for key in ("verdict", "nodes", "why")}


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
    return {"floor": floor, "has_restarted": False}


def _record_path(name):
    return os.path.join(__opts__["cachedir"], "openstack_ha", f"{name}.galera.json")


def _record(name):
    """What the master keeps of the cluster: its last known good position and last decision."""
    record = {"floor": None, "has_restarted": False}
    path = pathlib.Path(_record_path(name))
    if path.exists():
        record.update(json.loads(path.read_text(encoding="utf-8")))
    return record


def _keep(name, record):
    path = _record_path(name)
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    with salt.utils.atomicfile.atomic_open(path, "w") as handle:
        handle.write(json.dumps(record))
