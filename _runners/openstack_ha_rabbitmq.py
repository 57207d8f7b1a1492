"""
What a person asks of a RabbitMQ cluster that the master may not decide.
"""

from salt.exceptions import SaltRunnerError

__virtualname__ = "openstack_ha_rabbitmq"


def __init__(opts):
    __utils__["openstack_ha_command.guard"](globals())


def __virtual__():
    return __virtualname__


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
        Only say what would be done next, and why. Nothing is done until this is False.

    Returns the next decision, or all of them in their order.

    Raises SaltRunnerError when a broker runs, the node is no controller or has no database, or
    somebody else is at it.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha_rabbitmq.recover demo ctl1
        salt-run openstack_ha_rabbitmq.recover demo ctl1 dry_run=False
    """
    planned = __salt__["openstack_ha_coordinator.plan"](name, "rabbitmq", node)["data"]
    (decision,) = planned["decisions"]
    if decision["verdict"] in ("refuse", "wait"):
        raise SaltRunnerError(f"{decision['why']}; nothing was done. {decision['way_out'] or ''}")
    if dry_run:
        return decision
    return __salt__["openstack_ha_coordinator.by_hand"](name, "rabbitmq", node)
