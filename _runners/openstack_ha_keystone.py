"""
The master's side of Keystone: its keys.

The master makes and keeps the keys; nodes get them with their pillar, so no job, return or event
ever holds one.
"""

from salt.exceptions import SaltRunnerError

__virtualname__ = "openstack_ha_keystone"


def __init__(opts):
    __utils__["openstack_ha_command.guard"](globals())


def __virtual__():
    return __virtualname__


def keys(name):
    """
    Return the fingerprints of the master's own keys and when they were rotated, None without any.

    name
        The cluster's name.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha_keystone.keys demo
    """
    name = __salt__["openstack_ha.cluster"](name)["name"]
    return __salt__["openstack_ha_execution.call"]("openstack_ha_fernet.show", name)


def facts(name):
    """
    Return what the rule has to know of the master, as ``keys`` does.

    name
        The cluster's name.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha_keystone.facts demo
    """
    return keys(name)


def rotate(name):
    """
    Rotate the keys for tokens now, and give them to every controller.

    name
        The cluster's name.

    No valid token becomes invalid, however often this is called. Returns the fingerprints of the
    keys, as ``keys``.

    Raises SaltRunnerError when a controller has not the present keys or does not answer, or
    somebody else is at it.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha_keystone.rotate demo
    """
    decisions = __salt__["openstack_ha_coordinator.by_hand"](name, "keystone", "rotation")
    if not any(one["verdict"] == "rotate_keys" for one in decisions):
        raise SaltRunnerError(f"the keys of {name} were not rotated: {decisions[-1]['why']}")
    return keys(name)


def create_keys(case, decision):
    """
    Make the first keys: a step of the master's own, for the coordinator.

    case, decision
        As ``openstack_ha_rule`` of the utils describes them; on the command line there is no such
        case to give.

    Returns an empty mapping.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha_coordinator.plan demo keystone
    """
    __salt__["openstack_ha_execution.call"]("openstack_ha_fernet.create", case["name"])
    return {}


def rotate_keys(case, decision):
    """
    Rotate the keys for tokens: a step of the master's own, for the coordinator.

    case, decision
        As for ``create_keys``.

    Returns an empty mapping.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha_coordinator.plan demo keystone
    """
    lifetime = __utils__["openstack_ha_keystone.token_lifetime"](case["cluster"]["keystone"])
    __salt__["openstack_ha_execution.call"]("openstack_ha_fernet.rotate", case["name"], lifetime)
    return {}


def adopt(name, node):
    """
    Take the keys of a controller, for a master that has lost its own; it has none then.

    name
        The cluster's name.

    node
        The controller: the one whose Keystone serves as it should. The others get its keys.

    Returns the fingerprints of the keys, as ``keys``.

    Raises SaltRunnerError when the node is no controller or does not answer, and
    CommandExecutionError when this master has keys, or the node no whole set.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha_keystone.adopt demo node=ctl1
    """
    members = __salt__["openstack_ha_members.controllers"](name)
    if node not in members:
        raise SaltRunnerError(f"{node} is no controller of {name}; these are: {', '.join(members)}")
    locked = __salt__["openstack_ha_members.ask"](node, "openstack_ha_keystone.locked_keys")
    return __salt__["openstack_ha_execution.call"]("openstack_ha_fernet.adopt", name, locked)
