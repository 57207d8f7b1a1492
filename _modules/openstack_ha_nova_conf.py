"""
Nova's configuration files on this node, and what of them follows from the node itself.
"""

import os
import shutil

__virtualname__ = "openstack_ha_nova_conf"

KVM = "/dev/kvm"
# A machine that does not run yet, and is thrown away by its monitor.
TRIAL = ("-cpu", "host", "-nodefaults", "-display", "none", "-S", "-monitor", "stdio")
TRIAL_TIMEOUT = 30


def __virtual__():
    return __virtualname__


def files():
    """
    Return this node's files below /etc/nova as ``{file: {section: {key: value}}}``, without any
    secret.

    A value is text, or a list of texts and of ``{"secret": path}`` that are printed one after
    another: a template asks for the secrets.

    CLI Example:

    .. code-block:: bash

        salt cmp1 openstack_ha_nova_conf.files
    """
    view = __salt__["openstack_ha.view"]()
    return __utils__["openstack_ha_nova.files"](view, __grains__["num_cpus"])


def compute_file():
    """
    Return how this node runs machines, as one of such files. qemu has to be there.

    CLI Example:

    .. code-block:: bash

        salt cmp1 openstack_ha_nova_conf.compute_file
    """
    view = __salt__["openstack_ha.view"]()
    return __utils__["openstack_ha_nova.compute_file"](view["nova"], has_kvm())


def folders():
    """
    Return the folders that Nova writes to.

    CLI Example:

    .. code-block:: bash

        salt-call openstack_ha_nova_conf.folders
    """
    return __utils__["openstack_ha_nova.folders"](__salt__["openstack_ha.view"]()["self"])


def migration_endpoint():
    """
    Return where the other compute nodes come to this one, as ``address:port``.

    CLI Example:

    .. code-block:: bash

        salt 'cmp*' openstack_ha_nova_conf.migration_endpoint
    """
    return __utils__["openstack_ha_nova_migration.endpoint"](__salt__["openstack_ha.view"]())


def migration_public_key():
    """
    Return the public half of the key by which compute nodes know one another.

    Raises CommandExecutionError when the node's pillar does not have the key.

    CLI Example:

    .. code-block:: bash

        salt 'cmp*' openstack_ha_nova_conf.migration_public_key
    """
    key = __salt__["openstack_ha.secret"]("nova:migration_key")
    return __utils__["openstack_ha_nova_migration_key.public"](key)


def has_kvm():
    """
    Return whether this node's processor and kernel run machines for qemu: it makes one. A device
    that is there may still refuse, in a virtual machine for one.

    CLI Example:

    .. code-block:: bash

        salt 'cmp*' openstack_ha_nova_conf.has_kvm
    """
    qemu = shutil.which(f"qemu-system-{__grains__['cpuarch']}")
    if not (qemu and os.path.exists(KVM)):
        return False
    tried = __salt__["cmd.run_all"](
        [qemu, "-accel", "kvm", *TRIAL],
        python_shell=False,
        stdin="quit\n",
        timeout=TRIAL_TIMEOUT,
        ignore_retcode=True,
    )
    return not tried["retcode"]
