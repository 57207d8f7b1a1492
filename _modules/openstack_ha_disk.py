"""
A node's block devices: what is on them, and the steps by which one gets a file system and a unit
that mounts it. Whose device it is, and what is wanted of it, its own module says
(``openstack_ha_swift_device``, ``openstack_ha_nova_instances``).

What is asked of a device is a mapping::

    name        what it is called
    path        the block device
    target      where it is mounted
    uuid        its file system's
    filesystem  ``xfs`` or ``ext4``
    label       its file system's, as far as it goes
    unit        the unit that mounts it
    kept        the file from which that unit takes the UUID
    origin      the SLS that writes it
    owner       the user to whom the mounted folder belongs
    is_failed   it is not looked at
"""

import errno
import grp
import os
import pwd
import stat
import tempfile

import salt.utils.json
from salt.exceptions import CommandExecutionError

__virtualname__ = "openstack_ha_disk"

PROBE_TIMEOUT = 30
# Bytes of a blank disk that are zeros: not everything that is of value has a signature.
HEAD = 1 << 20
# Writing the metadata of a big disk, and replaying a log.
CHANGE_TIMEOUT = 300


def __virtual__():
    return __virtualname__


def status(asked):
    """
    Return what is known of a device.

    asked
        What is asked of it.

    Returns ``{"mounted": {"source", "uuid"} or None, "error", "elsewhere", "signatures", "holder",
    "is_enabled", "is_owned"}``: ``error`` says why a mounted device does not work or why a disk
    cannot be looked at; ``elsewhere`` is the block device that has its file system; ``signatures``
    says what is on the disk at its path, None where there is none; ``holder`` says who has a disk
    that looks blank.

    Raises CommandExecutionError when a disk is there and cannot be read.

    CLI Example:

    .. code-block:: bash

        salt-call openstack_ha_swift_device.status sdb
    """
    found = {
        "mounted": _mounted(asked["target"]),
        "error": None,
        "elsewhere": None,
        "signatures": None,
        "holder": None,
        "is_enabled": _is_enabled(asked),
        # Of a file system that is not there yet.
        "is_owned": False,
    }
    if found["mounted"]:
        found["error"] = _fault(asked["target"])
        found["is_owned"] = not found["error"] and is_owned(asked["target"], asked["owner"])
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


def apply(asked, plan):
    """
    Carry out the plan of a device, unless something forbids it.

    asked
        What is asked of it.

    plan
        A function without arguments that returns the plan, ``{"steps", "changes", "refusals"}``.

    Returns the plan. For the modules of devices; on the command line there is no such function to
    give.

    Raises CommandExecutionError when a step fails, and when the device is not as it should after
    all of them.

    CLI Example:

    .. code-block:: bash

        salt-call openstack_ha_swift_device.apply sdb
    """
    found = plan()
    if found["refusals"]:
        return found
    for step in found["steps"]:
        _STEPS[step](asked)
    left = plan()
    if left["steps"] or left["refusals"]:
        what = "; ".join(left["refusals"]) or ", ".join(left["steps"])
        raise CommandExecutionError(f"{asked['name']} is not as it should after all steps: {what}")
    return found


def is_owned(target, user):
    """
    Return whether a folder belongs to a user, and is his to write alone.

    target
        The folder.

    user
        The user's name.

    CLI Example:

    .. code-block:: bash

        salt-call openstack_ha_disk.is_owned /srv/node/sdb swift
    """
    try:
        found, owner = os.stat(target), pwd.getpwnam(user)
    except (FileNotFoundError, KeyError):
        return False
    return (found.st_uid, stat.S_IMODE(found.st_mode)) == (owner.pw_uid, 0o755)


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


def _is_enabled(asked):
    is_known = os.path.exists(asked["kept"])
    argv = ["systemctl", "is-enabled", asked["unit"]]
    return is_known and _run(argv)["stdout"].strip() == "enabled"


def _format(asked):
    argv = __utils__["openstack_ha_disk.mkfs"](
        asked["filesystem"], asked["path"], asked["label"], asked["uuid"]
    )
    _check(argv, CHANGE_TIMEOUT)


def _close(asked):
    """Nobody but root writes to the folder while nothing is mounted."""
    os.makedirs(asked["target"], mode=0o755, exist_ok=True)
    os.chown(asked["target"], 0, 0)
    os.chmod(asked["target"], 0o755)


def _mount(asked):
    unit, target = asked["unit"], asked["target"]
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
    folder = os.path.dirname(asked["kept"])
    os.makedirs(folder, exist_ok=True)
    # Beside the folder, where nobody takes it for a device.
    handle, fresh = tempfile.mkstemp(dir=os.path.dirname(folder))
    with open(handle, "w", encoding="utf-8") as file:
        file.write(f"# Written by Salt ({asked['origin']}).\nUUID={asked['uuid']}\n")
    os.chmod(fresh, 0o644)
    os.replace(fresh, asked["kept"])


def _unmount(asked):
    # Lazily: those who wait for a dead disk never let go of it.
    _check(["umount", "--lazy", asked["target"]], PROBE_TIMEOUT)


def _enable(asked):
    _keep(asked)
    _check(["systemctl", "enable", asked["unit"]], PROBE_TIMEOUT)


def _disable(asked):
    _check(["systemctl", "disable", asked["unit"]], PROBE_TIMEOUT)


def _make_directory(asked):
    os.makedirs(asked["target"], mode=0o755, exist_ok=True)


def _own(asked):
    target, user = asked["target"], asked["owner"]
    try:
        os.chown(target, pwd.getpwnam(user).pw_uid, grp.getgrnam(user).gr_gid)
        os.chmod(target, 0o755)
    except (KeyError, OSError) as exc:
        raise CommandExecutionError(f"{target} cannot be given to {user}: {exc}") from exc


_STEPS = {
    "format": _format,
    "close": _close,
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
