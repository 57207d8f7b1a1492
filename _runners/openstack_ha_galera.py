"""
The master's side of a Galera cluster: gather evidence, decide, say the word, watch it done.

The rule itself is pure and stands in ``openstack_ha_galera_election``. A doorbell carries no
authority: its tag only chooses one of the master's own clusters, and everything that is decided
rests on answers that the nodes have sealed.
"""

import logging
import time

from salt.exceptions import SaltRunnerError

log = logging.getLogger(__name__)

__virtualname__ = "openstack_ha_galera"

# Seconds between looks while servers of a cluster without a Primary component move by themselves.
LOOK_AGAIN = 2
# Seconds that a person's command waits for the look that is under way.
PATIENCE = 300
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
    return _look(_members(name))["found"]


def elect(name):
    """
    Return what would be decided now and why, and the evidence; nothing is done.

    name
        The cluster's name.

    Returns ``{"decision": {verdict, nodes, why, way_out}, "evidence": {..}, "floor": {..}}``.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha_galera.elect demo
    """
    members, kept = _members(name), _record(name)
    looked = _look(members)
    return {
        "decision": _decide(name, members, looked, kept),
        "evidence": looked["found"],
        "floor": kept["floor"],
    }


def forget(name):
    """
    Forget the cluster's last known good position, so that a first install may happen again.

    name
        The cluster's name.

    Returns ``{"floor": what was forgotten or None, "failures": {node: reason}}``: each controller
    keeps a position of its own, and one that does not answer still knows it afterwards.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha_galera.forget demo
    """
    members, kept = _members(name), _record(name)
    _keep(name, {**kept, "floor": None})
    return {"floor": kept["floor"], "failures": _order(members, "forget")}


def answer(name):
    """
    Answer a doorbell: bring every controller that asks into the cluster, as far as can be decided.

    name
        The cluster's name.

    Only one at a time acts; a doorbell meanwhile makes that one look again. Returns the decisions
    in their order, or None when somebody else is at it.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha_galera.answer demo
    """
    return _look_until_done(name)


def is_settled(name, looked):
    """
    Keep what a look at everything shows of Galera; return whether nothing is to be done.

    name
        The cluster's name.

    looked
        ``{"found": {node: evidence}, "rivals": {}, "at": when it began}``, with the evidence of
        every controller; ``openstack_ha.reconcile`` makes it.

    Returns False where something is to be done, and None where the look is of no use any more.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha.reconcile
    """
    members = _members(name)

    def step():
        if _decide(name, members, looked, _record(name))["verdict"] != "settled":
            return False
        _decided(name, members, looked, None)
        return True

    return __salt__["openstack_ha_lease.step_over"](f"{name}.galera", looked["at"], step)


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
        return _decide(name, members, _look(members), _record(name), node)
    decisions = _look_until_done(name, node, PATIENCE)
    if decisions is None:
        raise SaltRunnerError(
            f"somebody else is at it: `salt-run openstack_ha_lease.show {name}.galera`"
        )
    return decisions


def _look_until_done(name, chosen=None, patience=0):
    """Look, decide and act under the cluster's lease until there is nothing to act on."""
    members, decisions = _members(name), []

    def step():
        looked = _look(members)
        decision = _decided(name, members, looked, chosen)
        if decisions[-1:] != [decision]:
            decisions.append(decision)
            _tell(looked["found"], decision)
        failures = _act(name, members, decision, chosen)
        return {"again": _again(looked["found"], decision, failures)}

    lease = f"{name}.galera"
    looks = __salt__["openstack_ha_lease.look_until_done"](lease, step, patience)
    return None if looks is None else decisions


def _decided(name, members, looked, chosen):
    """The decision, on record and as an event when it is a new one."""
    record = _with_primary_clock(_record(name), looked["found"])
    decision = _decide(name, members, looked, record, chosen)
    if decision["verdict"] == "settled":
        floor = __utils__["openstack_ha_galera_election.reached"](looked["found"])
        record = {**NEW_RECORD, "floor": floor}
    __salt__["openstack_ha_record.decided"](name, "galera", decision, record)
    return decision


def _act(name, members, decision, chosen):
    """Take the step that was decided; what went wrong by node, None when there is no step."""
    act = ACTIONS.get(decision["verdict"])
    return act(name, members, decision, chosen) if act else None


def _again(found, decision, failures):
    """Seconds until the next look, None when only an event or the schedule asks for one."""
    if failures is not None:
        return None if failures else 0
    is_waiting = decision["verdict"] == "wait" and all(found.values())
    return LOOK_AGAIN if is_waiting and not _has_primary(found) else None


def _with_primary_clock(record, found):
    """The record, with the time of the first look that found no Primary component."""
    if _has_primary(found):
        return {**record, "without_primary_since": None}
    return {**record, "without_primary_since": record["without_primary_since"] or time.time()}


def _has_primary(found):
    is_primary = __utils__["openstack_ha_galera_election.is_primary"]
    return any(is_primary(one) for one in found.values())


def _bootstrap(name, members, decision, chosen):
    """Rule 10: every peer is asked again, and the word stands only if it is the same."""
    again = _look(members)
    if _decide(name, members, again, _record(name), chosen) != decision:
        log.warning("openstack_ha: the evidence of %s changed before its bootstrap", name)
        return {}
    (first,) = decision["nodes"]
    return _order([first], "bootstrap", {"position": again["found"][first]["position"]})


def _stand_down(name, members, decision, chosen):
    return _order(decision["nodes"], "stand_down")


def _join(name, members, decision, chosen):
    return _order(decision["nodes"], "start")


def _renew(name, members, decision, chosen):
    return _order(decision["nodes"], "restart")


def _restart(name, members, decision, chosen):
    """Launch only: who finds no Primary component joins for ever, and is looked at again."""
    _keep(name, {**_record(name), "has_restarted": True, "without_primary_since": time.time()})
    return _order(decision["nodes"], "launch")


ACTIONS = {
    "bootstrap": _bootstrap,
    "join": _join,
    "renew": _renew,
    "restart": _restart,
    "stand_down": _stand_down,
}


def _order(nodes, step, arguments=None):
    return __salt__["openstack_ha_members.order"](nodes, f"openstack_ha_galera.{step}", arguments)


def _tell(found, decision):
    """Say the word to those who answered and are not Synced: it ends or explains their wait."""
    is_synced = __utils__["openstack_ha_galera_election.is_synced"]
    waiting = [node for node, one in found.items() if one and not is_synced(one)]
    if decision["verdict"] == "refuse" and decision["nodes"]:
        waiting = [node for node in waiting if node in decision["nodes"]]
    __salt__["openstack_ha_members.tell"](waiting, "galera", decision)


def _decide(name, members, looked, record, chosen=None):
    if looked["rivals"]:
        return __utils__["openstack_ha_members.stand_back"](looked["rivals"])
    since = record["without_primary_since"]
    return __utils__["openstack_ha_galera_election.decide"](
        name,
        members,
        looked["found"],
        record["floor"],
        has_restarted=record["has_restarted"],
        without_primary=time.time() - since if since else 0,
        chosen=chosen,
    )


def _look(members):
    return __salt__["openstack_ha_members.evidence"](members, "openstack_ha_galera.evidence")


def _members(name):
    return __salt__["openstack_ha_members.controllers"](name)


def _record(name):
    """What the master keeps of the cluster: its last known good position and last decision."""
    return {**NEW_RECORD, **__salt__["openstack_ha_record.read"](f"{name}.galera")}


def _keep(name, record):
    __salt__["openstack_ha_record.keep"](f"{name}.galera", record)
