"""
Whose word this node takes: of several masters, one at a time.

Masters do not know each other's leases, so the node itself holds one: it serves the first master
that asks until that one has been silent for a while. A master acts only while nobody whom it asks
serves another.
"""

import contextlib
import fcntl
import json
import os
import time

from salt.exceptions import CommandExecutionError

__virtualname__ = "openstack_ha_master"

# Gone with the boot, as whatever was begun is; its times are of the clock that began with that.
PATH = "/run/openstack_ha/master.json"
# Seconds of silence until another master is served: twice the schedule's 30 s.
SILENCE = 60


def __virtual__():
    return __virtualname__


def serve(master, function, arguments=None, question=None):
    """
    Run one of the formula's functions for a master, unless this node serves another one.

    master
        The asking master's id.

    function
        Name of the function.

    arguments
        Its arguments by name.

    question
        What the master made up for this question, for the answer's seal.

    Returns what the function returns, a mapping, with the key ``obeys`` and the master's id, sealed
    by ``openstack_ha_seal``. For any other master ``{"obeys": id}`` is all, and nothing is done.

    Raises CommandExecutionError when the function is none of the formula's, and what it raises.

    CLI Example:

    .. code-block:: bash

        salt ctl1 openstack_ha_master.serve salt_master openstack_ha_galera.evidence
    """
    if not function.startswith("openstack_ha"):
        raise CommandExecutionError(f"{function} is no function of the formula openstack_ha")
    served = _claim(master)
    if served != master:
        return __salt__["openstack_ha_seal.seal"](question, {"obeys": served})
    answer = __salt__[function](**(arguments or {}))
    _renew(master)
    return __salt__["openstack_ha_seal.seal"](question, {**answer, "obeys": master})


def leave():
    """
    Serve whoever asks next.

    Returns an empty mapping.

    CLI Example:

    .. code-block:: bash

        salt ctl1 openstack_ha_master.leave
    """
    with _held() as held:
        held.clear()
    return {}


def _claim(master):
    """Whom this node serves from now on: this master, unless another one has just been heard."""
    now = time.monotonic()
    with _held() as held:
        # What another clock has written must not make a silence of hours.
        is_heard = now < held.get("until", 0) <= now + SILENCE
        if not is_heard or held["master"] == master:
            held.update(master=master, until=now + SILENCE)
        return held["master"]


def _renew(master):
    """What took long was this master's doing: its silence begins now."""
    with _held() as held:
        if held.get("master") == master:
            held["until"] = time.monotonic() + SILENCE


@contextlib.contextmanager
def _held():
    os.makedirs(os.path.dirname(PATH), mode=0o755, exist_ok=True)
    with open(PATH, "a+", encoding="utf-8") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        handle.seek(0)
        held = json.loads(handle.read() or "{}")
        yield held
        handle.seek(0)
        handle.truncate()
        handle.write(json.dumps(held))
