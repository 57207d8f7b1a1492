"""
What becomes of a block device that is to be one of Swift's: formatted only when there is nothing
on it, mounted only when it is this node's, else refused.
"""

import uuid

# Of all identities that the formula gives.
NAMESPACE = uuid.UUID("6f0d4b7e-52f3-5c0e-9a39-0d1f1f6c9b52")
LABEL_LIMIT = 12


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
    return str(uuid.uuid5(NAMESPACE, f"{cluster}/{hash_path}/{minion_id}/{device}"))


def plan(asked, found):
    """
    Return what is to be done with a device: ``{"steps", "changes", "refusals"}``.

    asked
        ``{"name", "path", "target", "uuid", "filesystem", "is_failed"}``.

    found
        ``{"mounted": {"source", "uuid"} or None, "error": text or None, "elsewhere": path or None,
        "signatures": list or None, "holder": text or None, "is_enabled", "is_owned"}``, see
        ``openstack_ha_swift_device.status``.

    ``steps`` are of ``format``, ``mount``, ``unmount``, ``enable``, ``disable`` and ``own``, in
    their order. A refusal says what helps; then there are no steps.
    """
    if asked["is_failed"]:
        return _without_failed(asked, found)
    refusal = _refusal(asked, found)
    if refusal:
        return {"steps": [], "changes": {}, "refusals": [refusal]}
    steps, changes = [], {}
    if not found["mounted"]:
        if not found["elsewhere"]:
            steps.append("format")
            kind = f"{asked['filesystem']} {asked['uuid']}"
            changes["filesystem"] = {"old": None, "new": kind}
        steps.append("mount")
        changes["mount"] = {"old": None, "new": asked["target"]}
    if not found["is_enabled"]:
        steps.append("enable")
        changes["boot"] = {"old": "not mounted", "new": "mounted"}
    if not found["is_owned"]:
        steps.append("own")
        if found["mounted"]:
            changes["owner"] = {"old": "another", "new": "swift"}
    return {"steps": steps, "changes": changes, "refusals": []}


def mkfs(filesystem, path, name, identity_):
    """
    Return the command that formats a blank device; it refuses one that is not.

    filesystem
        ``xfs`` or ``ext4``.

    path
        The block device.

    name
        The device's name, of which the label is made.

    identity_
        The UUID.
    """
    label = name[:LABEL_LIMIT]
    if filesystem == "xfs":
        return ["mkfs.xfs", "-q", "-L", label, "-m", f"uuid={identity_}", path]
    return ["mkfs.ext4", "-q", "-L", label, "-U", identity_, path]


def _without_failed(asked, found):
    steps, changes = [], {}
    if found["is_enabled"]:
        steps.append("disable")
        changes["boot"] = {"old": "mounted", "new": "not mounted"}
    if found["mounted"]:
        steps.append("unmount")
        changes["mount"] = {"old": asked["target"], "new": None}
    return {"steps": steps, "changes": changes, "refusals": []}


def _refusal(asked, found):
    """Why the device cannot be used, or nothing."""
    name, path, mounted = asked["name"], asked["path"], found["mounted"]
    key = f"openstack_ha:nodes:…:storage:devices:{name}"
    if mounted and found["error"]:
        return f"{name} does not work: {found['error']}; set {key}:failed: true"
    if mounted and mounted["uuid"] != asked["uuid"]:
        return (
            f"{asked['target']} has {mounted['source']} with the UUID {mounted['uuid']} on it, "
            f"not {asked['uuid']}, that of this node's {name}; unmount it"
        )
    if mounted or found["elsewhere"]:
        return None
    if found["signatures"] is None:
        return (
            f"{name}: {found['error']}; correct {key}:path, or set {key}:failed: true when the "
            "disk is dead"
        )
    if found["signatures"]:
        words = ", ".join(map(_described, found["signatures"]))
        return (
            f"{path} is not blank, and not this node's {name}: it has {words}. Nothing was done. "
            f"`wipefs --all {path}; dd if=/dev/zero of={path} bs=1M count=1` gives the disk away; "
            f"`xfs_admin -U {asked['uuid']} {path}` keeps the data of an XFS of Swift's"
        )
    if found["holder"]:
        return f"{path} looks blank, but {found['holder']}; correct {key}:path"
    return None


def _described(signature):
    words = [signature["type"]]
    words += [f"{key} {signature[key]}" for key in ("label", "uuid") if signature.get(key)]
    return " ".join(words)
