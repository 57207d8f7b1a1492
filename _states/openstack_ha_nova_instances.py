"""
The disk of a compute node that has its machines' disks.
"""

from salt.exceptions import CommandExecutionError

__virtualname__ = "openstack_ha_nova_instances"


def __virtual__():
    return __virtualname__


def mounted(name):
    """
    The node's disk has this node's file system, and is mounted now and before each start of
    nova-compute.

    name
        The folder of the machines' disks; for the reader.

    A blank disk is formatted. One that has anything else on it, another node's machines included,
    fails by name and stays as it is. So does one that would hide what is in the folder.
    """
    verb = "plan" if __opts__["test"] else "apply"
    try:
        found = __salt__[f"openstack_ha_nova_instances.{verb}"]()
    except CommandExecutionError as exc:
        return {"name": name, "result": False, "changes": {}, "comment": str(exc)}
    return {"name": name, **__utils__["openstack_ha_disk.shown"](found, __opts__["test"])}
