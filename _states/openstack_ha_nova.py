"""
States of Nova's cell: it is there, and a compute node is in it.
"""

from salt.exceptions import CommandExecutionError

__virtualname__ = "openstack_ha_nova"


def __virtual__():
    return __virtualname__


def cell_present(name, patience=900):
    """
    Nova's database has the cell of all compute nodes, with its own database and brokers.

    The master names the one controller that makes it: the state rings
    ``openstack_ha/<cluster>/nova/doorbell`` and waits.

    name
        The cluster's name.

    patience
        Seconds to wait for the master.
    """
    return _seen_to(name, "cell", __salt__["openstack_ha_nova.lacks_cell"], patience)


def host_mapped(name, patience=900):
    """
    This compute node is in the cell, so that it gets machines. Its service runs, since nobody is
    mapped who has not registered.

    The master names the one controller that looks for it: the state rings
    ``openstack_ha/<cluster>/nova/doorbell`` and waits.

    name
        The cluster's name.

    patience
        Seconds to wait for the master.
    """
    return _seen_to(name, "host", _lacks_mapping, patience)


def _seen_to(name, thing, lacking, patience):
    """Read, show, and wait until the master has seen to what is lacking."""
    ret = {"name": name, "result": True, "changes": {}, "comment": "All is there."}
    try:
        clause = lacking()
    except CommandExecutionError as exc:
        return {**ret, "result": False, "comment": str(exc)}
    if not clause:
        return ret
    changes = {thing: {"old": clause, "new": "present"}}
    if __opts__["test"]:
        comment = f"The master would be asked, since {clause}."
        return {**ret, "result": None, "changes": changes, "comment": comment}
    refusal = __salt__["openstack_ha_word.wait"](name, "nova", lacking, patience)
    if refusal:
        return {**ret, "result": False, "comment": refusal}
    return {**ret, "changes": changes, "comment": "The master has seen to it."}


def _lacks_mapping():
    mapped = __salt__["openstack_ha_nova.is_mapped"]()
    return None if mapped else "the host is in no cell, as far as it was told"
