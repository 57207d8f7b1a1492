"""
Glance's files on this node.
"""

__virtualname__ = "openstack_ha_glance"


def __virtual__():
    return __virtualname__


def files():
    """
    Return Glance's files as ``{file: {section: {key: value}}}``, without any secret.

    A value is text, or ``{"before", "secret": path, "after"}`` where a template asks for the
    secret.

    CLI Example:

    .. code-block:: bash

        salt ctl1 openstack_ha_glance.files
    """
    view = __salt__["openstack_ha.view"]()
    return __utils__["openstack_ha_glance.files"](view, __grains__["num_cpus"])


def folders():
    """
    Return the folders that Glance writes to.

    CLI Example:

    .. code-block:: bash

        salt ctl1 openstack_ha_glance.folders
    """
    return __utils__["openstack_ha_glance.folders"]()
