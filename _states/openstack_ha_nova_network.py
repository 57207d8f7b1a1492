"""
States of nova-network: the machines' networks in the database, and a compute node's interface.
"""

from salt.exceptions import CommandExecutionError

__virtualname__ = "openstack_ha_nova_network"


def __virtual__():
    return __virtualname__


def networks_present(name, patience=900):
    """
    The database has the networks and floating addresses that the cluster file names, and no other.

    The master names the one controller that changes them: the state rings
    ``openstack_ha/<cluster>/nova_network/doorbell`` and waits.

    name
        The cluster's name.

    patience
        Seconds to wait for the master.
    """
    ret = {"name": name, "result": True, "changes": {}, "comment": "All of them are there."}
    some = _changes()
    if some == []:
        return ret
    if some is None:
        told = {"old": "the database does not answer", "new": "as the cluster file has them"}
        shown = {"networks": told}
    else:
        shown = __utils__["openstack_ha_nova_network_changes.shown"](some)
    if __opts__["test"]:
        comment = "The master would be asked to change them."
        return {**ret, "result": None, "changes": shown, "comment": comment}
    refusal = __salt__["openstack_ha_word.wait"](name, "nova_network", _lacking, patience)
    if refusal:
        # What came before the refusal has been done.
        left = __utils__["openstack_ha_nova_network_changes.shown"](_changes() or [])
        done = {key: one for key, one in shown.items() if some and key not in left}
        return {**ret, "result": False, "changes": done, "comment": refusal}
    return {**ret, "changes": shown, "comment": "The master has seen to it."}


def interface_free(name):
    """
    The interface that joins the bridges is there and up, and has no address and no default route.

    Nothing is changed: an address that is in use somewhere is no state's to take away.

    name
        The interface.
    """
    ret = {"name": name, "result": True, "changes": {}, "comment": f"{name} is free for bridges."}
    try:
        faults = __salt__["openstack_ha_nova_network.interface_faults"](name)
    except CommandExecutionError as exc:
        faults = [str(exc)]
    if faults:
        return {**ret, "result": False, "comment": "\n".join(faults)}
    return ret


def _changes():
    return __salt__["openstack_ha_nova_network.changes"]()


def _lacking():
    some = _changes()
    if some is None:
        return "the database does not answer"
    return f"{some[0]['subject']} is not as the cluster file has it" if some else None
