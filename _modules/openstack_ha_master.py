"""
Whose word this node takes: of several masters, one at a time.

Masters do not know each other's leases, so the node itself holds one: it serves the first master
that asks until that one has been silent for a while. A master acts only while nobody whom it asks
serves another.
"""

import contextlib
import fcntl
import json
import logging
import os
import time

from salt.exceptions import CommandExecutionError

log = logging.getLogger(__name__)

__virtualname__ = "openstack_ha_master"

# Gone with the boot, as whatever was begun is; its times are of the clock that began with that.
PATH = "/run/openstack_ha/master.json"
# Seconds of silence until another master is served: twice the schedule's 30 s.
SILENCE = 60


def __virtual__():
    return __virtualname__


def serve(master, function, arguments=None, question=None):
    """
    Run a function for a master, one of those that are meant for it (``openstack_ha_served``),
    unless this node serves another one.

    master
        The asking master's id.

    function
        Name of the function.

    arguments
        Its arguments by name.

    question
        What the master made up for this question, for the answer's seal.

    Returns what the function returns, a mapping, with the key ``obeys`` and the master's id, sealed
    by ``openstack_ha_seal``. So is the text of what it raises, as ``error``, and in ``lacks`` the
    name of a function that is not there, or is not served. For any other master ``{"obeys": id}``
    is all, and nothing is done.

    CLI Example:

    .. code-block:: bash

        salt ctl1 openstack_ha_master.serve salt_master openstack_ha_galera.evidence
    """
    served = _claim(master)
    answer = _answer(function, arguments or {}) if served == master else {}
    _renew(master)
    return __salt__["openstack_ha_seal.seal"](question, {**answer, "obeys": served})


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


def _answer(function, arguments):
    """What a function returns, or why it does not; without a seal that could be anybody's word."""
    if function not in __utils__["openstack_ha_served.functions"]() or function not in __salt__:
        return {"lacks": function}
    try:
        return {**__salt__[function](**arguments)}
    except CommandExecutionError as exc:
        return {"error": str(exc)}
    except Exception as exc:
        log.exception("openstack_ha: %s failed", function)
        return {"error": f"{type(exc).__name__}: {exc}"}


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
