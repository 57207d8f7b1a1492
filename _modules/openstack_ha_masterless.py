"""
What a master would say, on a minion that has none: the same rule, with this node as everybody.
"""

import time

from salt.exceptions import CommandExecutionError

__virtualname__ = "openstack_ha_masterless"

POLL = 1


def __virtual__():
    return __virtualname__


def is_masterless():
    """
    Return whether this minion takes its states from its own disk, and has no master to ask.

    CLI Example:

    .. code-block:: bash

        salt-call --local openstack_ha_masterless.is_masterless
    """
    return __opts__.get("file_client") == "local"


def answer(system, lacking, patience):
    """
    Take the steps that the system's rule decides until this node lacks nothing.

    system
        A coordinated system, e.g. ``galera``; behind a dot what of it is lacking.

    lacking
        A function without arguments that returns what is not there yet as a clause, nothing when
        all is there.

    patience
        Seconds to wait.

    Returns why it did not come, None when it did. For states; on the command line there is no such
    function to give.

    CLI Example:

    .. code-block:: bash

        salt-call --local state.apply openstack_ha.galera
    """
    system, _, subject = system.partition(".")
    cluster, deadline = __salt__["openstack_ha.view"](), time.monotonic() + patience
    others = _others(cluster, system, subject)
    if others:
        return (
            f"{', '.join(others)} has {subject or system} too, and only a master that hears all of "
            "them says who goes first; this minion has none (file_client: local). Give it a "
            "master, and apply the states without --local"
        )
    record = {}
    while clause := lacking():
        try:
            case = _case(cluster, system, subject, record)
            decision = _decision(case, subject)
            refusal = _refusal(case, decision, record.get("tried"))
            if refusal:
                return refusal
            tried = _carried_out(case, decision, record.get("tried"))
        except CommandExecutionError as exc:
            return str(exc)
        record = _of_rule(case, "remember")(case, decision)
        if tried:
            record = {**record, "tried": tried}
        if time.monotonic() > deadline:
            return f"After {patience} s {clause}; {decision['verdict']}: {decision['why']}"
        time.sleep(POLL)
    return None


def _others(cluster, system, subject):
    """The other nodes that have the system, or that of it which is lacking here."""
    if subject:
        having = __utils__["openstack_ha_cluster.nodes_with"](cluster, subject)
        found = [one["id"] for one in having]
    else:
        found = __utils__["openstack_ha_cluster.looked_after_on"](cluster, system)
    return [node for node in found if node != __opts__["id"]]


def _case(cluster, system, subject, record):
    own = __opts__["id"]
    return {
        "name": cluster["name"],
        "system": system,
        "cluster": cluster,
        "nodes": [own],
        "found": {own: __salt__[f"openstack_ha_{system}.evidence"]()},
        "rivals": {},
        "records": {subject: record},
        "facts": None,
        "wish": None,
        "now": time.time(),
    }


def _decision(case, subject):
    """What is decided about that which is lacking; other services see to theirs."""
    subject_of = __utils__["openstack_ha_rule.subject"]
    decisions = _of_rule(case, "decide")(case)
    return next(one for one in decisions if subject_of(one) == subject)


def _said_instead(case, decision, tried):
    """What is said while a step has been taken and does not show, None when nothing is."""
    in_vain = __utils__["openstack_ha_rule.in_vain"]
    return in_vain(case["name"], case["system"], decision, tried, case["now"])


def _refusal(case, decision, tried):
    """Why a decision is not carried out here, None when it is, or rests."""
    if decision["verdict"] == "refuse":
        return f"{decision['why']}. {decision['way_out']}"
    if __utils__["openstack_ha_rule.is_resting"](decision):
        return None
    if _step(case, decision) not in __salt__:
        return f"{decision['why']}: {decision['verdict']} is a master's own step, and there is none"
    said = _said_instead(case, decision, tried)
    if said and said["verdict"] == "refuse":
        return f"{decision['why']}; {decision['verdict']} was done, and has changed nothing"
    return None


def _carried_out(case, decision, tried):
    """Take a step, unless it has just been taken; what is known of the last one."""
    if __utils__["openstack_ha_rule.is_resting"](decision):
        return None
    if _said_instead(case, decision, tried):
        return tried
    __salt__[_step(case, decision)](**decision.get("arguments", {}))
    return {"decision": decision, "at": time.time(), "times": 1}


def _step(case, decision):
    return f"openstack_ha_{case['system']}.{decision['verdict']}"


def _of_rule(case, function):
    return __utils__[f"openstack_ha_{case['system']}_rule.{function}"]
