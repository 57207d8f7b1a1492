"""
What becomes of a block device that is to be a compute node's for its machines' disks.
"""

import openstack_ha_disk


def filesystem():
    """
    Return what it is formatted with: XFS needs no check at a boot, whatever its size.
    """
    return "xfs"


def identity(cluster, minion_id):
    """
    Return the UUID of the file system, the same for ever.

    cluster
        The cluster's name.

    minion_id
        The compute node.
    """
    return openstack_ha_disk.identity(cluster, minion_id, "nova", "instances")


def plan(asked, found, below):
    """
    Return what is to be done with the device: ``{"steps", "changes", "refusals"}``.

    asked
        ``{"name", "path", "target", "uuid", "filesystem", "owner", "key"}``.

    found
        As ``openstack_ha_disk.status`` returns it.

    below
        Names of what is in the folder at which the device is to be mounted, and is not.

    ``steps`` are those of ``openstack_ha_disk.plan``, and ``close``, by which nobody but root
    writes to the folder while nothing is mounted.
    """
    target, path, key = asked["target"], asked["path"], asked["key"]
    if below and not found["mounted"]:
        return openstack_ha_disk.refused(
            f"{target} has {len(below)} entries, as {below[0]}, which {path} would hide. Nothing "
            "was done. docs/systems/nova.md, 'A disk for machines', says how to take them along"
        )
    ways = {
        "broken": "`journalctl --dmesg` has the disk's errors",
        "absent": f"correct {key}:path; another, blank disk there begins without machines",
        # The label is its node's name.
        "foreign": f"`xfs_admin -U {asked['uuid']} {path}` takes the machines' disks of a node "
        "that this one is instead of",
    }
    found = openstack_ha_disk.plan({**asked, "ways": ways}, found)
    if "mount" in found["steps"]:
        found["steps"].insert(found["steps"].index("mount"), "close")
    return found
