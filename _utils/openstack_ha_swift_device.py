"""
What becomes of a block device that is to be one of Swift's.
"""

import openstack_ha_disk


def identity(cluster, hash_path, minion_id, device):
    """
    Return the UUID of a device's file system, the same for ever.

    cluster
        The cluster's name.

    hash_path
        The fingerprint of its hash path: many clusters have one name.

    minion_id
        The node that has the device.

    device
        The device's name in the rings.

    A node that is installed anew knows its disks by it, and one that gets the disk of another
    node, or of another cluster, sees that.
    """
    return openstack_ha_disk.identity(cluster, hash_path, minion_id, device)


def plan(asked, found):
    """
    Return what is to be done with a device: ``{"steps", "changes", "refusals"}``.

    asked
        ``{"name", "path", "target", "uuid", "filesystem", "is_failed"}``.

    found
        As ``openstack_ha_disk.status`` returns it.

    ``steps`` are those of ``openstack_ha_disk.plan``; of a device that the pillar calls failed,
    ``disable`` and ``unmount``.
    """
    if asked["is_failed"]:
        return _without_failed(asked, found)
    key = f"openstack_ha:nodes:…:storage:devices:{asked['name']}"
    ways = {
        "broken": f"set {key}:failed: true",
        "absent": f"correct {key}:path, or set {key}:failed: true when the disk is dead",
        "foreign": f"`xfs_admin -U {asked['uuid']} {asked['path']}` keeps the data of an XFS of "
        "Swift's",
    }
    return openstack_ha_disk.plan({**asked, "owner": "swift", "key": key, "ways": ways}, found)


def _without_failed(asked, found):
    steps, changes = [], {}
    if found["is_enabled"]:
        steps.append("disable")
        changes["boot"] = {"old": "mounted", "new": "not mounted"}
    if found["mounted"]:
        steps.append("unmount")
        changes["mount"] = {"old": asked["target"], "new": None}
    return {"steps": steps, "changes": changes, "refusals": []}
