"""
What a person asks of a Galera cluster that the master may not decide.
"""

from salt.exceptions import SaltRunnerError

__virtualname__ = "openstack_ha_galera"


def __init__(opts):
    __utils__["openstack_ha_command.guard"](globals())


def __virtual__():
    return __virtualname__


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
    members, key = __salt__["openstack_ha_members.controllers"](name), f"{name}.galera"
    kept = __salt__["openstack_ha_record.read"](key)
    __salt__["openstack_ha_record.keep"](key, {**kept, "floor": None})
    failures = __salt__["openstack_ha_members.order"](members, "openstack_ha_galera.forget")
    return {"floor": kept.get("floor"), "failures": failures}


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
    members = __salt__["openstack_ha_members.controllers"](name)
    if node is not None and node not in members:
        raise SaltRunnerError(f"{node} is no controller of {name}; these are: {', '.join(members)}")
    if dry_run:
        planned = __salt__["openstack_ha_coordinator.plan"](name, "galera", node)["data"]
        (decision,) = planned["decisions"]
        return decision
    return __salt__["openstack_ha_coordinator.by_hand"](name, "galera", node)
