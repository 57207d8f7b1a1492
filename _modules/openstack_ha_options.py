"""
The configuration files of OpenStack's services on this node.
"""

__virtualname__ = "openstack_ha_options"


def __virtual__():
    return __virtualname__


def files(service):
    """
    Return a service's files as ``{file: {section: {key: value}}}``, without any secret.

    service
        One that uWSGI runs, e.g. ``keystone``.

    A value is text, or a list of texts and of ``{"secret": path}`` where a template asks for the
    secret.

    CLI Example:

    .. code-block:: bash

        salt ctl1 openstack_ha_options.files keystone
    """
    view = __salt__["openstack_ha.view"]()
    return __utils__[f"openstack_ha_{service}.files"](view, __grains__["num_cpus"])


def native_threads():
    """
    Return the path of what every service that uWSGI runs imports before its application.

    CLI Example:

    .. code-block:: bash

        salt-call openstack_ha_options.native_threads
    """
    return __utils__["openstack_ha_options.native_threads"]()
