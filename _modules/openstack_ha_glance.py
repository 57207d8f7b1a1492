"""
Glance on this node.
"""

__virtualname__ = "openstack_ha_glance"


def __virtual__():
    return __virtualname__


def folders():
    """
    Return the folders that Glance writes to.

    Raises CommandExecutionError as ``openstack_ha.view`` does.

    CLI Example:

    .. code-block:: bash

        salt ctl1 openstack_ha_glance.folders
    """
    return __utils__["openstack_ha_glance.folders"](__salt__["openstack_ha.view"]())
