"""
Nova's configuration files on this node, and what of them follows from the node itself.
"""

import fcntl
import os

__virtualname__ = "openstack_ha_nova_conf"

KVM = "/dev/kvm"
# linux/kvm.h
KVM_CREATE_VM = 0xAE01


def __virtual__():
    return __virtualname__


def files():
    """
    Return this node's files below /etc/nova as ``{file: {section: {key: value}}}``, without any
    secret.

    A value is text, or ``{"before", "secret": path, "after"}`` where a template asks for the
    secret.

    CLI Example:

    .. code-block:: bash

        salt cmp1 openstack_ha_nova_conf.files
    """
    view = __salt__["openstack_ha.view"]()
    return __utils__["openstack_ha_nova.files"](view, __grains__["num_cpus"], has_kvm())


def folders():
    """
    Return the folders that Nova writes to.

    CLI Example:

    .. code-block:: bash

        salt-call openstack_ha_nova_conf.folders
    """
    return __utils__["openstack_ha_nova.folders"]()


def has_kvm():
    """
    Return whether this node's kernel makes virtual machines; a device that is there may still
    refuse, in a virtual machine for one.

    CLI Example:

    .. code-block:: bash

        salt 'cmp*' openstack_ha_nova_conf.has_kvm
    """
    try:
        device = os.open(KVM, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        os.close(fcntl.ioctl(device, KVM_CREATE_VM, 0))
    except OSError:
        return False
    finally:
        os.close(device)
    return True
