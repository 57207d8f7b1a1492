"""
The other controllers' brokers, as this host sees them.
"""

import socket

from salt.exceptions import CommandExecutionError

__virtualname__ = "openstack_ha_rabbitmq_peers"


def __virtual__():
    return __virtualname__


def probe():
    """
    Return what the other controllers' brokers look like from here, by one TCP connect each.

    Returns ``{broker: {"answers": bool, "serves": bool}}``. A host answers when it accepts or
    refuses the connection; its broker serves when the AMQP port is open, which RabbitMQ opens at
    the end of its start.

    CLI Example:

    .. code-block:: bash

        salt '*' openstack_ha_rabbitmq_peers.probe
    """
    port = __salt__["openstack_ha.view"]()["rabbitmq"]["port"]
    knock = __utils__["openstack_ha_knock.at"]
    return {_name(one): knock(one["address"], port) for one in _others()}


def serving():
    """
    Return the other controllers' brokers that serve, as ``probe`` sees them.

    CLI Example:

    .. code-block:: bash

        salt '*' openstack_ha_rabbitmq_peers.serving
    """
    return sorted(broker for broker, one in probe().items() if one["serves"])


def unresolved():
    """
    Return the controllers whose names do not lead to the pillar's addresses, as texts.

    Brokers find each other by host name.

    CLI Example:

    .. code-block:: bash

        salt '*' openstack_ha_rabbitmq_peers.unresolved
    """
    faults = []
    for controller in __salt__["openstack_ha.view"]()["controllers"]:
        try:
            address = socket.gethostbyname(controller["hostname"])
        except OSError:
            address = "no address"
        if address != controller["address"]:
            faults.append(f"{controller['hostname']} is {address}, not {controller['address']}")
    return faults


def look():
    """
    Return what the peers' Erlang machines know, of those that run, by broker.

    Raises CommandExecutionError when one does not answer, or cannot tell yet.

    CLI Example:

    .. code-block:: bash

        salt ctl1 openstack_ha_rabbitmq_peers.look
    """
    found = {}
    for controller in _others():
        broker = _name(controller)
        if not __salt__["openstack_ha_rabbitmq_tools.listens"](controller["address"]):
            continue
        question = __utils__["openstack_ha_rabbitmq_erlang.look"]()
        seen = __salt__["openstack_ha_rabbitmq_tools.ask"](question, broker)
        if not seen:
            continue
        if not seen["members"]:
            raise CommandExecutionError(
                f"{broker} is starting, and cannot tell yet who its cluster is; nothing "
                f"was done. `salt {controller['id']} openstack_ha_rabbitmq.evidence` tells it then"
            )
        found[broker] = seen
    return found


def _others():
    view = __salt__["openstack_ha.view"]()
    return [one for one in view["controllers"] if one["id"] != view["self"]["id"]]


def _name(controller):
    return __utils__["openstack_ha_rabbitmq.broker"](controller)
