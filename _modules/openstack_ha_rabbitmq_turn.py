"""
This host's broker as ``openstack_ha_turn`` asks about it and drains it.
"""

__virtualname__ = "openstack_ha_rabbitmq_turn"


def __virtual__():
    return __virtualname__


def serves():
    """
    Return whether the broker takes work: it runs, and is not in maintenance.

    Raises CommandExecutionError when it cannot be told.

    CLI Example:

    .. code-block:: bash

        salt ctl1 openstack_ha_rabbitmq_turn.serves
    """
    seen = __salt__["openstack_ha_rabbitmq.status"]()
    return seen["is_running"] and seen["node"] not in seen["maintenance"]


def obstacle():
    """
    Return why this broker cannot be taken away now, as a clause; None when nobody would miss it.

    Every other member has to run, outside of maintenance, and no queue may depend on this broker
    alone (``rabbitmq-queues check_if_node_is_quorum_critical`` and
    ``check_if_node_is_mirror_sync_critical``).

    Raises CommandExecutionError when it cannot be told.

    CLI Example:

    .. code-block:: bash

        salt ctl1 openstack_ha_rabbitmq_turn.obstacle
    """
    seen = __salt__["openstack_ha_rabbitmq.status"]()
    if not seen["is_running"]:
        return f"{seen['node']} has not started yet, or is paused"
    down = sorted(set(seen["disk_nodes"]) - set(seen["running_nodes"]))
    if down:
        return f"{', '.join(down)} does not run"
    if seen["maintenance"]:
        return f"{', '.join(seen['maintenance'])} is in maintenance"
    if seen["disk_nodes"] == [seen["node"]]:
        return None
    for check in ("check_if_node_is_quorum_critical", "check_if_node_is_mirror_sync_critical"):
        if __salt__["openstack_ha_rabbitmq_tools.run"]("rabbitmq-queues", check)["retcode"]:
            return f"queues depend on it alone (rabbitmq-queues {check})"
    return None


def drain():
    """
    Hand this broker's queues over and send its clients to the others, before it is restarted.

    Raises CommandExecutionError when RabbitMQ does not do it (``rabbitmq-upgrade drain``).

    CLI Example:

    .. code-block:: bash

        salt ctl1 openstack_ha_rabbitmq_turn.drain
    """
    __salt__["openstack_ha_rabbitmq_tools.call"]("rabbitmq-upgrade", "drain", timeout=300)


def revive():
    """
    Let a drained broker take work again; one that has restarted does so already.

    Raises CommandExecutionError when RabbitMQ does not do it (``rabbitmq-upgrade revive``).

    CLI Example:

    .. code-block:: bash

        salt ctl1 openstack_ha_rabbitmq_turn.revive
    """
    seen = __salt__["openstack_ha_rabbitmq.status"]()
    if seen["node"] in seen["maintenance"]:
        __salt__["openstack_ha_rabbitmq_tools.call"]("rabbitmq-upgrade", "revive")
