"""
What becomes of a block device that is to have a file system of the formula's: formatted only when
there is nothing on it, mounted only when it is the one that it should be, else refused.
"""

import uuid

# Of all identities that the formula gives.
NAMESPACE = uuid.UUID("6f0d4b7e-52f3-5c0e-9a39-0d1f1f6c9b52")
# As XFS has it; ext4 takes more.
LABEL_LIMIT = 12


def identity(*parts):
    """
    Return the UUID of a file system, the same for ever.

    parts
        Names that together are whose it is.
    """
    return str(uuid.uuid5(NAMESPACE, "/".join(parts)))


def plan(asked, found):
    """
    Return what is to be done with a device: ``{"steps", "changes", "refusals"}``.

    asked
        ``{"name", "path", "target", "uuid", "filesystem", "owner", "key", "ways"}``; ``key`` is
        the device's in the cluster file, and ``ways`` says by ``broken``, ``absent`` and
        ``foreign`` what helps where it does not work, is not there, or has something on it.

    found
        As ``openstack_ha_disk.status`` returns it.

    ``steps`` are of ``format``, ``mount``, ``enable`` and ``own``, in their order. A refusal says
    what helps; then there are no steps.
    """
    refusal = _refusal(asked, found)
    if refusal:
        return refused(refusal)
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
            changes["owner"] = {"old": "another", "new": asked["owner"]}
    return {"steps": steps, "changes": changes, "refusals": []}


def refused(why):
    """
    Return the plan of a device that is left alone.

    why
        The reason, with what helps.
    """
    return {"steps": [], "changes": {}, "refusals": [why]}


def shown(found, is_test):
    """
    Return what a state says of a plan, ``{"result", "changes", "comment"}``.

    found
        The plan, which was carried out unless ``is_test``.

    is_test
        Whether nothing was done.
    """
    if found["refusals"]:
        return {"result": False, "changes": {}, "comment": "; ".join(found["refusals"])}
    if not found["steps"]:
        return {"result": True, "changes": {}, "comment": "The device is as it should."}
    verb = "would be" if is_test else "was"
    return {
        "result": None if is_test else True,
        "changes": found["changes"],
        "comment": f"The device {verb} changed.",
    }


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


def _refusal(asked, found):
    """Why the device cannot be used, or nothing."""
    name, path, mounted, ways = asked["name"], asked["path"], found["mounted"], asked["ways"]
    if mounted and found["error"]:
        return f"{name} does not work: {found['error']}; {ways['broken']}"
    if mounted and mounted["uuid"] != asked["uuid"]:
        return (
            f"{asked['target']} has {mounted['source']} with the UUID {mounted['uuid']} on it, "
            f"not {asked['uuid']}, that of this node's {name}; unmount it"
        )
    if mounted or found["elsewhere"]:
        return None
    if found["signatures"] is None:
        return f"{name}: {found['error']}; {ways['absent']}"
    if found["signatures"]:
        words = ", ".join(map(_described, found["signatures"]))
        return (
            f"{path} is not blank, and not this node's {name}: it has {words}. Nothing was done. "
            f"`wipefs --all {path}; dd if=/dev/zero of={path} bs=1M count=1` gives the disk away; "
            f"{ways['foreign']}"
        )
    if found["holder"]:
        return f"{path} looks blank, but {found['holder']}; correct {asked['key']}:path"
    return None


def _described(signature):
    words = [signature["type"]]
    words += [f"{key} {signature[key]}" for key in ("label", "uuid") if signature.get(key)]
    return " ".join(words)
