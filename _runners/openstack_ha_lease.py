"""
Leases on the master: who does what is to be done by one at a time.

A lease has an owner and an expiry and lies in a file, so it survives a restart of the master and
frees itself when its owner dies. Doorbells that ring while it is held are counted, so the owner
looks once more before it lets go and none is lost.

Its times are those of the clock that goes on from the host's boot, which nobody sets; a lease of
another boot is nobody's.
"""

import contextlib
import fcntl
import json
import logging
import os
import pathlib
import time
import uuid

log = logging.getLogger(__name__)

__virtualname__ = "openstack_ha_lease"


# A step can take as long as a transfer does, and nobody else may act meanwhile. A lease whose owner
# has ended is free at once, so this is for an owner that hangs.
TTL = 86400
POLL = 1

PROC = pathlib.Path("/proc")
# Where proc(5) has a process's state, and its start in ticks since the boot, behind the name of its
# command, which may hold anything.
STATE, STARTED = 0, 19
DEAD = ("Z", "X")


def __init__(opts):
    __utils__["openstack_ha_command.guard"](globals())


def __virtual__():
    return __virtualname__


def now():
    """
    Return the seconds of the clock that leases use.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha_lease.now
    """
    return time.monotonic()


def look_until_done(name, step, patience=0):
    """
    Take step after step under the lease, until one has nothing to act on and nobody has rung since.

    name
        As for ``acquire``.

    step
        A function without arguments that looks once, acts, and returns a mapping. Its key ``again``
        is the number of seconds until the next step, or None when there is nothing to wait for.

    patience
        Seconds to wait for somebody else who is at it.

    Returns what the steps returned, or None when somebody else is at it; that one then looks once
    more. For other runners; on the command line there is no such function to give.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha_coordinator.answer demo galera
    """
    deadline = now() + patience
    token = acquire(name, TTL)
    while token is None and now() < deadline:
        time.sleep(POLL)
        # Without a ring, which would make the other one look again and again.
        token = acquire(name, TTL, is_ring=False)
    if token is None:
        return None
    found = []
    try:
        while True:
            rings = renew(name, token, TTL)
            if rings is None:
                log.warning("openstack_ha: the lease %s was lost to another owner", name)
                return found
            found.append(step())
            again = found[-1]["again"]
            if again is not None:
                time.sleep(again)
            elif release(name, token, rings):
                return found
            else:
                # It has rung meanwhile, and may do so for ever; whoever waits gets a turn first.
                release(name, token)
                time.sleep(2 * POLL)
                token = acquire(name, TTL, is_ring=False)
                if token is None:
                    return found
    finally:
        release(name, token)


def step_over(name, begun, step):
    """
    Take one step under the lease over a look that is older than the lease.

    name
        As for ``acquire``.

    begun
        When the look began, as ``now`` told it.

    step
        A function without arguments.

    Returns what the step returned, False when somebody has rung meanwhile, or None when there is no
    use in that look: somebody else is at it, or has been since it began. For other runners.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha.reconcile
    """
    token = acquire(name, TTL, is_ring=False)
    if token is None:
        return None
    try:
        lease = show(name)
        if lease.get("released", 0) >= begun:
            return None
        done = step()
        return done if release(name, token, lease["rings"]) else False
    finally:
        release(name, token)


def acquire(name, ttl, is_ring=True):
    """
    Take the lease and return its token, or count the ring and return None when it is held.

    A lease whose owner's process has ended is free.

    name
        What is to be done, e.g. ``demo.galera``.

    ttl
        Seconds until it frees itself unless it is renewed.

    is_ring
        Its owner is to look once more before it lets go.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha_lease.acquire demo.galera 60
    """
    with _lease(name) as lease:
        lease["rings"] = lease.get("rings", 0) + is_ring
        if lease.get("owner"):
            if lease["expires"] > now() and _started(lease["pid"]) == lease["started"]:
                return None
            # It has died, and nobody knows at what.
            lease["released"] = now()
        pid = os.getpid()
        lease.update(owner=uuid.uuid4().hex, expires=now() + ttl, boot=_boot())
        lease.update(pid=pid, started=_started(pid))
        return lease["owner"]


def renew(name, token, ttl):
    """
    Extend a lease, and return how often the doorbell has rung, or None when the lease is lost.

    name
        As for ``acquire``.

    token
        What ``acquire`` returned.

    ttl
        Seconds from now.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha_lease.renew demo.galera TOKEN 60
    """
    with _lease(name) as lease:
        if not token or lease.get("owner") != token:
            return None
        lease["expires"] = now() + ttl
        return lease["rings"]


def release(name, token, rings=None):
    """
    Give the lease back, and return whether it is given back.

    name
        As for ``acquire``.

    token
        What ``acquire`` returned.

    rings
        What ``renew`` returned before the last look; when the doorbell has rung since, the lease
        is kept and False is returned.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha_lease.release demo.galera TOKEN
    """
    with _lease(name) as lease:
        if not token or lease.get("owner") != token:
            return True
        if rings is not None and lease["rings"] != rings:
            return False
        lease.update(owner=None, expires=0, released=now())
        return True


def show(name):
    """
    Return the lease as ``{owner, pid, started, expires, rings, released, boot}``; what was before
    this boot is left out. The times are as ``now`` tells them, ``started`` in ticks since the boot.

    name
        As for ``acquire``.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha_lease.show demo.galera
    """
    with _lease(name) as lease:
        return dict(lease)


def _parsed(path, text):
    """The lease in a file, if it is of this boot; one that a full disk has cut is nobody's."""
    try:
        lease = json.loads(text or "{}")
    except ValueError:
        log.warning("openstack_ha: %s holds no lease, and is written anew", path)
        return {}
    return lease if lease.get("boot") == _boot() else {}


def _boot():
    return (PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


def _started(pid):
    """When a process was started, None when there is none: its id alone may be another's by now."""
    try:
        text = (PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = text.rpartition(")")[2].split()
    return None if fields[STATE] in DEAD else int(fields[STARTED])


@contextlib.contextmanager
def _lease(name):
    """The lease's content, read and written back under the file's own lock."""
    folder = os.path.join(__opts__["cachedir"], "openstack_ha", "leases")
    os.makedirs(folder, mode=0o700, exist_ok=True)
    path = os.path.join(folder, f"{name.replace('/', '_')}.json")
    with open(path, "a+", encoding="utf-8") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        handle.seek(0)
        text = handle.read()
        lease = _parsed(path, text)
        yield lease
        handle.seek(0)
        handle.truncate()
        handle.write(json.dumps(lease))
