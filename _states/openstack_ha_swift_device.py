"""
Swift's devices on a storage node.
"""

from salt.exceptions import CommandExecutionError

__virtualname__ = "openstack_ha_swift_device"


def __virtual__():
    return __virtualname__


def mounted(name):
    """
    The device is this node's file system, and mounted now and at every boot.

    name
        The device's name in the rings, a key of the node's ``storage:devices``.

    A blank disk is formatted. One that has anything else on it, another node's device included,
    fails by name and stays as it is. A device that the pillar calls failed is unmounted and left
    alone. With ``swift:devices:kind`` directories, the device is a directory.
    """
    verb = "plan" if __opts__["test"] else "apply"
    try:
        found = __salt__[f"openstack_ha_swift_device.{verb}"](name)
    except CommandExecutionError as exc:
        return {"name": name, "result": False, "changes": {}, "comment": str(exc)}
    return {"name": name, **__utils__["openstack_ha_disk.shown"](found, __opts__["test"])}
