"""
The master's side of the services' schemas: who makes or changes which, one at a time.

The rule is pure and stands in ``openstack_ha_db_sync`` of the utils.
"""

import logging

log = logging.getLogger(__name__)

__virtualname__ = "openstack_ha_db_sync"

STEPS = ("sync", "expand")


def __virtual__():
    return __virtualname__


def evidence(name):
    """
    Return what every controller says of its services' schemas, with None for one that does not
    answer.

    name
        The cluster's name.

    Raises SaltRunnerError when there is no such cluster.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha_db_sync.evidence demo
    """
    return _look(_members(name))["found"]


def elect(name):
    """
    Return what would be decided now and why by service, and the evidence; nothing is done.

    name
        The cluster's name.

    Returns ``{"decisions": {service: {verdict, nodes, why, way_out}}, "evidence": {..}}``.

    Raises SaltRunnerError when there is no such cluster.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha_db_sync.elect demo
    """
    members = _members(name)
    looked = _look(members)
    return {"decisions": _decide(name, members, looked), "evidence": looked["found"]}


def answer(name):
    """
    Answer a doorbell: have the schemas made or changed that services wait for.

    name
        The cluster's name.

    Only one at a time acts; a doorbell meanwhile makes that one look again. Returns the decisions
    by service, in the order of the looks, or None when somebody else is at it.

    Raises SaltRunnerError when there is no such cluster.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha_db_sync.answer demo
    """
    members, seen = _members(name), []

    def step():
        looked = _look(members)
        decisions = _decide(name, members, looked)
        # What was done, and nothing came of it, the schedule tries again.
        stuck = seen[-1] if seen else {}
        seen.append(decisions)
        has_acted = False
        for service, decision in decisions.items():
            __salt__["openstack_ha_record.decided"](name, f"db_sync.{service}", decision, {})
            _tell(service, looked["found"], decision)
            if decision["verdict"] in STEPS and stuck.get(service) != decision:
                has_acted = not _act(service, decision) or has_acted
        return {"again": 0 if has_acted else None}

    looks = __salt__["openstack_ha_lease.look_until_done"](f"{name}.db_sync", step)
    return None if looks is None else seen


def is_settled(name, looked):
    """
    Keep what a look at everything shows of the schemas; return whether nothing is to be done.

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

    def step():
        decisions = _decide(name, _members(name), looked)
        if any(one["verdict"] != "settled" for one in decisions.values()):
            return False
        for service, decision in decisions.items():
            __salt__["openstack_ha_record.decided"](name, f"db_sync.{service}", decision, {})
        return True

    return __salt__["openstack_ha_lease.step_over"](f"{name}.db_sync", looked["at"], step)


def _act(service, decision):
    """Take the step that was decided; what went wrong by node."""
    step = f"openstack_ha_db_sync.{decision['verdict']}"
    return __salt__["openstack_ha_members.order"](decision["nodes"], step, {"service": service})


def _tell(service, found, decision):
    """Say the word to those who wait for it."""
    is_waiting = __utils__["openstack_ha_db_sync.is_waiting"]
    waiting = [node for node, one in found.items() if one and is_waiting(one.get(service))]
    __salt__["openstack_ha_members.tell"](waiting, f"db_sync.{service}", decision)


def _decide(name, members, looked):
    systems = __utils__["openstack_ha_cluster.all_systems"](__salt__["openstack_ha.cluster"](name))
    services = __utils__["openstack_ha_db_sync.services"](systems)
    if looked["rivals"]:
        return dict.fromkeys(
            services, __utils__["openstack_ha_members.stand_back"](looked["rivals"])
        )
    decide = __utils__["openstack_ha_db_sync.decide"]
    return {
        service: decide(members, {node: _of(one, service) for node, one in looked["found"].items()})
        for service in services
    }


def _of(said, service):
    """What a node said of one service; one that lacks the formula's functions says that of all."""
    return said and (said if "lacks" in said else said.get(service))


def _look(members):
    return __salt__["openstack_ha_members.evidence"](members, "openstack_ha_db_sync.evidence")


def _members(name):
    return __salt__["openstack_ha_members.controllers"](name)
