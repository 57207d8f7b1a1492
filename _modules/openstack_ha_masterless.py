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
    system = system.partition(".")[0]
    cluster, deadline = __salt__["openstack_ha.view"](), time.monotonic() + patience
    nodes = __utils__["openstack_ha_cluster.looked_after_on"](cluster, system)
    others = [node for node in nodes if node != __opts__["id"]]
    if others:
        return (
            f"{', '.join(others)} has {system} too, and only a master that hears all of them says "
            "who goes first; this minion has none (file_client: local). Give it a master, and "
            "apply the states without --local"
        )
    records, taken = {}, []
    while clause := lacking():
        case = _case(cluster, system, records)
        try:
            for decision in __utils__[f"openstack_ha_{system}_rule.decide"](case):
                refusal = _refusal(system, decision, taken)
                if refusal:
                    return refusal
                subject = __utils__["openstack_ha_rule.subject"](decision)
                remember = __utils__[f"openstack_ha_{system}_rule.remember"]
                records[subject] = remember(case, decision)
                taken = [one for one in taken if one != decision] + _taken(system, decision)
        except CommandExecutionError as exc:
            return str(exc)
        if time.monotonic() > deadline:
            return f"After {patience} s {clause}; {decision['verdict']}: {decision['why']}"
        if not taken:
            time.sleep(POLL)
    return None


def _case(cluster, system, records):
    own = __opts__["id"]
    return {
        "name": cluster["name"],
        "system": system,
        "cluster": cluster,
        "nodes": [own],
        "found": {own: __salt__[f"openstack_ha_{system}.evidence"]()},
        "rivals": {},
        "records": records,
        "facts": None,
        "wish": None,
        "now": time.time(),
    }


def _refusal(system, decision, taken):
    """Why a decision is not carried out here, None when it is, or rests."""
    if decision["verdict"] == "refuse":
        return f"{decision['why']}. {decision['way_out']}"
    step = f"openstack_ha_{system}.{decision['verdict']}"
    if __utils__["openstack_ha_rule.is_resting"](decision):
        return None
    if step not in __salt__:
        return f"{decision['why']}: {decision['verdict']} is a master's own step, and there is none"
    if decision in taken:
        return f"{decision['why']}; {decision['verdict']} was done, and has changed nothing"
    return None


def _taken(system, decision):
    """Carry a decision out; what was done, none where it rests."""
    if __utils__["openstack_ha_rule.is_resting"](decision):
        return []
    __salt__[f"openstack_ha_{system}.{decision['verdict']}"](**decision.get("arguments", {}))
    return [decision]
