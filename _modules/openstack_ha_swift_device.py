"""
Swift's devices on this node: what is on them, and what the pillar wants of them.
"""

import os

from salt.exceptions import CommandExecutionError

__virtualname__ = "openstack_ha_swift_device"

USER = "swift"
# A unit a device: systemd's own mounts would wait for udev, which containers do not have.
UNIT = "openstack-ha-swift-device@{}.service"
FOLDER = "/etc/openstack-ha-swift-device"


def __virtual__():
    return __virtualname__


def names():
    """
    Return the names of the devices that serve or still give their parts away, sorted.

    A device that left the pillar drains; it stays mounted until somebody takes it out.

    CLI Example:

    .. code-block:: bash

        salt-call openstack_ha_swift_device.names
    """
    try:
        kept = set(os.listdir(FOLDER))
    except FileNotFoundError:
        kept = set()
    devices = _devices()
    return sorted((kept | set(devices)) - {name for name in devices if devices[name]["failed"]})


def status(name):
    """
    Return what is known of a device.

    name
        The device's name in the rings.

    Returns what ``openstack_ha_disk.status`` returns.

    Raises CommandExecutionError when a disk is there and cannot be read.

    CLI Example:

    .. code-block:: bash

        salt-call openstack_ha_swift_device.status sdb
    """
    return __salt__["openstack_ha_disk.status"](_asked(name))


def plan(name):
    """
    Return what ``apply`` would do with a device.

    name
        The device's name in the rings.

    Returns ``{"steps", "changes", "refusals"}``.

    Raises CommandExecutionError when the node has no such device, or it cannot be looked at.

    CLI Example:

    .. code-block:: bash

        salt-call openstack_ha_swift_device.plan sdb
    """
    if _view()["swift"]["devices"]["kind"] == "directories":
        return _directory_plan(_asked(name))
    return __utils__["openstack_ha_swift_device.plan"](_asked(name), status(name))


def apply(name):
    """
    Bring a device to what the pillar says, unless something forbids it.

    name
        The device's name in the rings.

    Returns what ``plan`` returns.

    Raises CommandExecutionError when a step fails, and when the device is not as it should after
    all of them.

    CLI Example:

    .. code-block:: bash

        salt-call openstack_ha_swift_device.apply sdb
    """
    return __salt__["openstack_ha_disk.apply"](_asked(name), lambda: plan(name))


def _directory_plan(asked):
    """A device that is a directory of another disk."""
    steps, changes, target = [], {}, asked["target"]
    if asked["is_failed"]:
        return {"steps": steps, "changes": changes, "refusals": []}
    if not os.path.isdir(target):
        steps.append("directory")
        changes["directory"] = {"old": None, "new": target}
    if not __salt__["openstack_ha_disk.is_owned"](target, USER):
        steps.append("own")
        changes["owner"] = {"old": "another", "new": USER}
    return {"steps": steps, "changes": changes, "refusals": []}


def _asked(name):
    view, devices = _view(), _devices()
    if name not in devices:
        raise CommandExecutionError(
            f"{name!r} is not among openstack_ha:nodes:{view['self']['id']}:storage:devices"
        )
    options = view["swift"]["devices"]
    hash_path = __salt__["openstack_ha_swift_conf.wanted_fingerprint"]()
    return {
        "name": name,
        "path": devices[name]["path"],
        "target": os.path.join(options["root"], name),
        "uuid": __utils__["openstack_ha_swift_device.identity"](
            view["name"], hash_path, view["self"]["id"], name
        ),
        "filesystem": options["filesystem"],
        "label": name,
        "unit": UNIT.format(name),
        "kept": os.path.join(FOLDER, name),
        "origin": "openstack_ha.swift.storage",
        "owner": USER,
        "is_failed": devices[name]["failed"],
    }


def _devices():
    return _view()["self"].get("storage", {}).get("devices", {})


def _view():
    return __salt__["openstack_ha.view"]()
