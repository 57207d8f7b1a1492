"""
The disk of a compute node that has its machines' disks: what is on it, and what the pillar wants.
"""

import os

from salt.exceptions import CommandExecutionError

__virtualname__ = "openstack_ha_nova_instances"

USER = "nova"
UNIT = "openstack-ha-nova-instances.service"
KEPT = "/etc/openstack_ha/nova-instances"
TARGET = "/var/lib/nova/instances"


def __virtual__():
    return __virtualname__


def status():
    """
    Return what is known of this node's disk, as ``openstack_ha_disk.status`` returns it.

    Raises CommandExecutionError when the node has none, or it is there and cannot be read.

    CLI Example:

    .. code-block:: bash

        salt cmp1 openstack_ha_nova_instances.status
    """
    return __salt__["openstack_ha_disk.status"](_asked())


def plan():
    """
    Return what ``apply`` would do with this node's disk.

    Returns ``{"steps", "changes", "refusals"}``.

    Raises CommandExecutionError as ``status`` does.

    CLI Example:

    .. code-block:: bash

        salt cmp1 openstack_ha_nova_instances.plan
    """
    found = status()
    below = [] if found["mounted"] else _entries()
    return __utils__["openstack_ha_nova_instances.plan"](_asked(), found, below)


def apply():
    """
    Bring this node's disk to what the pillar says, unless something forbids it.

    Returns what ``plan`` returns.

    Raises CommandExecutionError when a step fails, and when the disk is not as it should after all
    of them.

    CLI Example:

    .. code-block:: bash

        salt cmp1 openstack_ha_nova_instances.apply
    """
    return __salt__["openstack_ha_disk.apply"](_asked(), plan)


def _entries():
    try:
        return sorted(os.listdir(TARGET))
    except FileNotFoundError:
        return []


def _asked():
    view = __salt__["openstack_ha.view"]()
    own = view["self"]
    key = f"openstack_ha:nodes:{own['id']}:compute:instances"
    try:
        path = own["compute"]["instances"]["path"]
    except KeyError:
        raise CommandExecutionError(
            f"{key} is not set: machines' disks are on the root disk of {own['id']}"
        ) from None
    return {
        "name": "instances",
        "key": key,
        "path": path,
        "target": TARGET,
        "uuid": __utils__["openstack_ha_nova_instances.identity"](view["name"], own["id"]),
        "filesystem": __utils__["openstack_ha_nova_instances.filesystem"](),
        "label": own["hostname"],
        "unit": UNIT,
        "kept": KEPT,
        "origin": "openstack_ha.nova.instances",
        "owner": USER,
        "is_failed": False,
    }
