"""
The master's side of a RabbitMQ cluster: gather evidence, decide, say the word, look again.

The rule itself is pure and stands in ``openstack_ha_rabbitmq_membership``. Everything that is
decided rests on answers that the nodes have sealed.
"""

import time

from salt.exceptions import SaltRunnerError

__virtualname__ = "openstack_ha_rabbitmq"

# Seconds between looks while brokers start, or find each other again.
LOOK_AGAIN = 3

STEPS = {
    "start": "launch",
    "join": "join",
    "form": "form",
    "resume": "resume",
    "relaunch": "relaunch",
    "set_aside": "rejoin_forgotten",
    "grow": "grow",
    "repair": "repair",
}
# Seconds that a person's command waits for the look that is under way.
PATIENCE = 300


def __virtual__():
    return __virtualname__


def evidence(name):
    """
    Return what every controller says of its broker, with None for one that does not answer.

    name
        The cluster's name.

    Raises SaltRunnerError when there is no such cluster.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha_rabbitmq.evidence demo
    """
    return _look(_brokers(name))["found"]


def elect(name):
    """
    Return what would be decided now and why, and the evidence; nothing is done.

    name
        The cluster's name.

    Returns ``{"decision": {verdict, nodes, why, way_out}, "evidence": {..}}``.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha_rabbitmq.elect demo
    """
    brokers = _brokers(name)
    looked = _look(brokers)
    return {
        "decision": _decide(name, brokers, looked, _record(name)),
        "evidence": looked["found"],
    }


def answer(name):
    """
    Bring every controller's broker into the one cluster, as far as can be decided.

    name
        The cluster's name.

    Only one at a time acts; who asks meanwhile makes that one look again. Returns the decisions in
    their order, or None when somebody else is at it.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha_rabbitmq.answer demo
    """
    return _look_until_done(name)


def is_settled(name, looked):
    """
    Keep what a look at everything shows of RabbitMQ; return whether nothing is to be done.

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
    brokers = _brokers(name)

    def step():
        if _decide(name, brokers, looked, _record(name))["verdict"] != "settled":
            return False
        _decided(name, brokers, looked)
        return True

    return __salt__["openstack_ha_lease.step_over"](f"{name}.rabbitmq", looked["at"], step)


def recover(name, node, dry_run=True):
    """
    Start all brokers from one's tables when those that it waits for are lost; or say what would be
    done.

    name
        The cluster's name.

    node
        The controller whose broker goes first: of those that are left, the one that stopped last.
        What the lost ones had and this one lacks is lost.

    dry_run
        Only say what would be done. Nothing is done until this is False.

    Returns ``{"stopped": nodes, "forgotten": brokers, "first": node}`` of a dry run, else the
    decisions that followed, in their order.

    Raises SaltRunnerError when a broker runs, the node has no database, or a step fails.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha_rabbitmq.recover demo ctl1
        salt-run openstack_ha_rabbitmq.recover demo ctl1 dry_run=False
    """
    brokers = _brokers(name)
    if dry_run:
        return _plan(brokers, _look(brokers), node)
    decisions = _look_until_done(name, node, PATIENCE)
    if decisions is None:
        raise SaltRunnerError(
            f"somebody else is at it: `salt-run openstack_ha_lease.show {name}.rabbitmq`"
        )
    return decisions


def _look_until_done(name, first=None, patience=0):
    """Look, decide and act under the cluster's lease until there is nothing to act on."""
    brokers, decisions = _brokers(name), []

    def step():
        looked = _look(brokers)
        if first and not decisions:
            _force(brokers, _plan(brokers, looked, first))
            looked = _look(brokers)
        decision, arguments = _decided(name, brokers, looked)
        if decisions[-1:] != [decision]:
            decisions.append(decision)
        return {"again": _again(decision, _act(decision, arguments), looked["found"])}

    lease = f"{name}.rabbitmq"
    looks = __salt__["openstack_ha_lease.look_until_done"](lease, step, patience)
    return None if looks is None else decisions


def _plan(brokers, looked, node):
    """What recover does; RabbitMQ wants the other brokers stopped while one forgets the lost."""
    found = {one: seen for one, seen in looked["found"].items() if seen}
    running = [one for one, seen in found.items() if seen["is_running"]]
    if running or looked["rivals"]:
        raise SaltRunnerError(
            f"{', '.join(running or looked['rivals'])} runs, or obeys another master"
        )
    if node not in found or found[node]["is_blank"]:
        raise SaltRunnerError(f"{node} does not answer or has no database to start from")
    return {
        "stopped": [one for one, seen in found.items() if one != node and not seen["is_blank"]],
        "forgotten": [brokers[one] for one, seen in found.items() if seen["is_blank"]],
        "first": node,
    }


def _force(brokers, plan):
    node = plan["first"]
    arguments = {"broker": brokers[node], "without": plan["forgotten"]}
    failures = _order(plan["stopped"], "stand_down") if plan["stopped"] else {}
    failures = failures or _order([node], "force_boot", arguments)
    if failures:
        raise SaltRunnerError(f"{node} was not started: {failures}")


def _decided(name, brokers, looked):
    """The decision, on record and as an event when it is a new one, and its step's arguments."""
    kept = _record(name)
    decision = _decide(name, brokers, looked, kept)
    lasting, now, arguments = _lasting(brokers, looked, kept), looked["at"], None
    if decision["verdict"] == "repair":
        queues = __utils__["openstack_ha_rabbitmq_membership.due"](lasting["ill"], now)
        arguments = {"queues": [[one["vhost"], one["name"]] for one in queues]}
        # Counted before it is tried, since what fails is not tried for ever either.
        lasting["ill"] = __utils__["openstack_ha_rabbitmq_membership.mended"](lasting["ill"], now)
    is_waiting = decision["verdict"] in ("wait", "refuse")
    since = (kept.get("waiting_since") or time.time()) if is_waiting else None
    __salt__["openstack_ha_record.decided"](
        name, "rabbitmq", decision, {"waiting_since": since, **lasting}
    )
    return decision, arguments


def _act(decision, arguments):
    """Take the step that was decided; what went wrong by node, None when there is no step."""
    step = STEPS.get(decision["verdict"])
    if step is None:
        return None
    return _order(decision["nodes"], step, arguments)


def _order(nodes, step, arguments=None):
    return __salt__["openstack_ha_members.order"](nodes, f"openstack_ha_rabbitmq.{step}", arguments)


def _again(decision, failures, found):
    """Seconds until the next look, None when only the schedule asks for one."""
    if failures is not None:
        return None if failures else LOOK_AGAIN
    # Who is silent is asked again by the schedule, or says that it has started. Until an illness of
    # queues has lasted, the schedule looks at that too.
    is_near = all(seen and not seen.get("ill_queues") for seen in found.values())
    return LOOK_AGAIN if decision["verdict"] == "wait" and is_near else None


def _decide(name, brokers, looked, kept):
    if looked["rivals"]:
        return __utils__["openstack_ha_members.stand_back"](looked["rivals"])
    since = kept.get("waiting_since")
    return __utils__["openstack_ha_rabbitmq_membership.decide"](
        name,
        brokers,
        looked["found"],
        looked["at"] - since if since else 0,
        **_lasting(brokers, looked, kept),
        now=looked["at"],
    )


def _lasting(brokers, looked, kept):
    """What is wrong, and since when, by this look and those before."""
    rule, found, now = "openstack_ha_rabbitmq_membership", looked["found"], looked["at"]
    behind = kept.get("behind", {})
    return {
        "ill": __utils__[f"{rule}.ailing"](found, kept.get("ill", ()), now),
        "behind": __utils__[f"{rule}.stays_behind"](brokers, found, behind, now),
    }


def _look(brokers):
    looked = __salt__["openstack_ha_members.evidence"](
        list(brokers), "openstack_ha_rabbitmq.evidence"
    )
    return {**looked, "at": time.time()}


def _brokers(name):
    """Broker by controller, in the cluster file's order."""
    nodes = __salt__["openstack_ha.cluster"](name)["nodes"]
    return {
        node: f"rabbit@{nodes[node]['hostname']}"
        for node in __salt__["openstack_ha_members.controllers"](name)
    }


def _record(name):
    return __salt__["openstack_ha_record.read"](f"{name}.rabbitmq")
