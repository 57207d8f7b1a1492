"""
Swift's devices on this node: what is on them, and what the pillar wants of them.
"""

import errno
import grp
import os
import pwd
import stat
import tempfile

import salt.utils.json
from salt.exceptions import CommandExecutionError

__virtualname__ = "openstack_ha_swift_device"

USER = "swift"
# A unit a device: systemd's own mounts would wait for udev, which containers do not have.
UNIT = "openstack-ha-swift-device@{}.service"
FOLDER = "/etc/openstack-ha-swift-device"
PROBE_TIMEOUT = 30
# Bytes of a blank disk that are zeros: not everything that is of value has a signature.
HEAD = 1 << 20
# Writing the metadata of a big disk, and replaying a log.
CHANGE_TIMEOUT = 300


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

    Returns ``{"mounted": {"source", "uuid"} or None, "error", "elsewhere", "signatures", "holder",
    "is_enabled", "is_owned"}``: ``error`` says why a mounted device does not work or why a disk
    cannot be looked at; ``elsewhere`` is the block device that has this node's file system;
    ``signatures`` says what is on the disk at the pillar's path, None where there is none;
    ``holder`` says who has a disk that looks blank.

    Raises CommandExecutionError when a disk is there and cannot be read.

    CLI Example:

    .. code-block:: bash

        salt-call openstack_ha_swift_device.status sdb
    """
    asked = _asked(name)
    found = {
        "mounted": _mounted(asked["target"]),
        "error": None,
        "elsewhere": None,
        "signatures": None,
        "holder": None,
        "is_enabled": _is_enabled(name),
        # Of a file system that is not there yet.
        "is_owned": False,
    }
    if found["mounted"]:
        found["error"] = _fault(asked["target"])
        found["is_owned"] = not found["error"] and _is_owned(asked["target"])
        return found
    if asked["is_failed"]:
        return found
    found["elsewhere"] = _with_uuid(asked["uuid"])
    if not found["elsewhere"]:
        found["error"] = _absence(asked["path"])
        if not found["error"]:
            found["signatures"] = _signatures(asked["path"])
            found["holder"] = _holder(asked["path"])
    return found


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
    found, asked = plan(name), _asked(name)
    if found["refusals"]:
        return found
    for step in found["steps"]:
        _STEPS[step](asked)
    left = plan(name)
    if left["steps"] or left["refusals"]:
        what = "; ".join(left["refusals"]) or ", ".join(left["steps"])
        raise CommandExecutionError(f"{name} is not as it should after all steps: {what}")
    return found


def _directory_plan(asked):
    """A device that is a directory of another disk."""
    steps, changes, target = [], {}, asked["target"]
    if asked["is_failed"]:
        return {"steps": steps, "changes": changes, "refusals": []}
    if not os.path.isdir(target):
        steps.append("directory")
        changes["directory"] = {"old": None, "new": target}
    if not _is_owned(target):
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
        "is_failed": devices[name]["failed"],
    }


def _mounted(target):
    """What is mounted at a path; the last one mounted is the one that is seen."""
    found = None
    with open("/proc/self/mounts", encoding="utf-8") as table:
        for line in table:
            source, place, *_ = line.split()
            if place.encode().decode("unicode_escape") == target:
                found = source
    return found and {"source": found, "uuid": _uuid_of(found)}


def _uuid_of(path):
    done = _run(["blkid", "--probe", "--match-tag", "UUID", "--output", "value", path])
    # Of a disk that is dead, or pulled out, nothing can be read.
    return done["stdout"].strip() if done["retcode"] == 0 else None


def _with_uuid(uuid):
    """The block device that has a file system, wherever the kernel has put it after this boot."""
    argv = ["blkid", "--cache-file", "/dev/null", "--output", "device", "--match-token"]
    done = _run([*argv, f"UUID={uuid}"])
    if done["retcode"] not in (0, 2):
        raise CommandExecutionError(f"blkid cannot look for UUID={uuid}: {done['stderr']}")
    # Two, where a device has several names: they are one disk.
    return next(iter(done["stdout"].split()), None)


def _absence(path):
    """Why there is no disk at a path, or nothing."""
    try:
        return None if stat.S_ISBLK(os.stat(path).st_mode) else f"{path} is no block device"
    except FileNotFoundError:
        return f"there is no {path}"
    except OSError as exc:
        return str(exc)


def _signatures(path):
    """What is on a disk: signatures that wipefs knows, or data that it does not know."""
    done = _run(["wipefs", "--no-act", "--json", path])
    if done["retcode"]:
        raise CommandExecutionError(f"{path} cannot be looked at: {done['stderr']}")
    known = salt.utils.json.loads(done["stdout"] or "{}").get("signatures")
    if known:
        return known
    try:
        with open(path, "rb") as disk:
            is_empty = not any(disk.read(HEAD))
    except OSError as exc:
        raise CommandExecutionError(f"{path} cannot be read: {exc}") from exc
    return [] if is_empty else [{"type": "data of an unknown kind"}]


def _holder(path):
    """Who has a disk that looks blank, or nothing: the kernel gives a free one to one alone."""
    try:
        os.close(os.open(path, os.O_RDONLY | os.O_EXCL))
    except OSError as exc:
        if exc.errno != errno.EBUSY:
            raise CommandExecutionError(f"{path} cannot be opened: {exc}") from exc
        return "something uses it"
    return None


def _fault(target):
    """Why a mounted file system does not work, or nothing."""
    try:
        os.listdir(target)
        os.statvfs(target)
    except OSError as exc:
        return str(exc)
    return None


def _is_owned(target):
    try:
        found, user = os.stat(target), pwd.getpwnam(USER)
    except (FileNotFoundError, KeyError):
        return False
    return (found.st_uid, stat.S_IMODE(found.st_mode)) == (user.pw_uid, 0o755)


def _is_enabled(name):
    unit = UNIT.format(name)
    is_known = os.path.exists(os.path.join(FOLDER, name))
    return is_known and _run(["systemctl", "is-enabled", unit])["stdout"].strip() == "enabled"


def _format(asked):
    argv = __utils__["openstack_ha_swift_device.mkfs"](
        asked["filesystem"], asked["path"], asked["name"], asked["uuid"]
    )
    _check(argv, CHANGE_TIMEOUT)


def _mount(asked):
    unit, target = UNIT.format(asked["name"]), asked["target"]
    if not os.path.isdir(target):
        # Root's, so that nobody fills the disk below while nothing is mounted.
        os.makedirs(target, mode=0o755)
    _keep(asked)
    # Not start: somebody may have unmounted what the unit has mounted.
    done = _run(["systemctl", "restart", unit], CHANGE_TIMEOUT)
    if done["retcode"]:
        said = _run(["journalctl", "--unit", unit, "--lines", "5", "--output", "cat"])["stdout"]
        raise CommandExecutionError(f"{asked['name']} cannot be mounted: {said or done['stderr']}")


def _keep(asked):
    """Say to the unit what it mounts."""
    os.makedirs(FOLDER, exist_ok=True)
    handle, fresh = tempfile.mkstemp(dir=os.path.dirname(FOLDER))
    with open(handle, "w", encoding="utf-8") as file:
        file.write(f"# Written by Salt (openstack_ha.swift.storage).\nUUID={asked['uuid']}\n")
    os.chmod(fresh, 0o644)
    os.replace(fresh, os.path.join(FOLDER, asked["name"]))


def _unmount(asked):
    # Lazily: those who wait for a dead disk never let go of it.
    _check(["umount", "--lazy", asked["target"]], PROBE_TIMEOUT)


def _enable(asked):
    _keep(asked)
    _check(["systemctl", "enable", UNIT.format(asked["name"])], PROBE_TIMEOUT)


def _disable(asked):
    _check(["systemctl", "disable", UNIT.format(asked["name"])], PROBE_TIMEOUT)


def _make_directory(asked):
    os.makedirs(asked["target"], mode=0o755, exist_ok=True)


def _own(asked):
    try:
        os.chown(asked["target"], pwd.getpwnam(USER).pw_uid, grp.getgrnam(USER).gr_gid)
        os.chmod(asked["target"], 0o755)
    except (KeyError, OSError) as exc:
        raise CommandExecutionError(f"{asked['target']} cannot be given to {USER}: {exc}") from exc


_STEPS = {
    "format": _format,
    "mount": _mount,
    "unmount": _unmount,
    "enable": _enable,
    "disable": _disable,
    "directory": _make_directory,
    "own": _own,
}


def _check(argv, timeout):
    done = _run(argv, timeout)
    if done["retcode"]:
        raise CommandExecutionError(f"{' '.join(argv)}: {done['stderr'] or done['stdout']}")


def _run(argv, timeout=PROBE_TIMEOUT):
    return __salt__["cmd.run_all"](argv, python_shell=False, timeout=timeout, ignore_retcode=True)


def _devices():
    return _view()["self"].get("storage", {}).get("devices", {})


def _view():
    return __salt__["openstack_ha.view"]()
