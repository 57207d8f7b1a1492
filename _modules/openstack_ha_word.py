"""
The master's word to this node, one for each system: kept when it is heard, waited for by states.
"""

import json
import logging
import pathlib
import time

import salt.utils.atomicfile
from salt.exceptions import CommandExecutionError

log = logging.getLogger(__name__)

__virtualname__ = "openstack_ha_word"

# Gone with the boot that made it old.
FOLDER = pathlib.Path("/run/openstack_ha")
POLL = 1
# A lost doorbell costs this many seconds; so often it is told, too, what is waited for.
RING_EVERY = 15


def __virtual__():
    return __virtualname__


def hear(system, verdict, why, way_out=None, owner=None):
    """
    Keep the master's word, for the state that waits for it.

    system
        Whose word it is, e.g. ``galera``; ``db_sync.glance`` where a system has several.

    verdict
        What was decided for this node.

    why
        The reason, a line.

    way_out
        Of a refusal, what ends it.

    owner
        The node that looks after what all of them have together, where one does.

    Returns the word, with its time in seconds since the boot, of a clock that nobody sets.

    CLI Example:

    .. code-block:: bash

        salt ctl1 openstack_ha_word.hear galera wait "ctl3 did not answer"
    """
    heard = {"verdict": verdict, "why": why, "way_out": way_out, "owner": owner}
    heard["time"] = time.monotonic()
    FOLDER.mkdir(mode=0o755, parents=True, exist_ok=True)
    with salt.utils.atomicfile.atomic_open(str(_path(system)), "w") as handle:
        handle.write(json.dumps(heard))
    return heard


def last(system):
    """
    Return the master's last word to this node as ``{verdict, why, way_out, owner, time}``, or None.

    system
        As for ``hear``.

    CLI Example:

    .. code-block:: bash

        salt ctl1 openstack_ha_word.last galera
    """
    try:
        return json.loads(_path(system).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None


def wait(cluster, system, lacking, patience, *, moving=()):
    """
    Ring the doorbell ``openstack_ha/<cluster>/<system>/doorbell`` and wait until the master has
    seen to what this node lacks.

    cluster
        The cluster's name.

    system
        As for ``hear``; what follows a dot is no part of the doorbell.

    lacking
        A function without arguments that returns what is not there yet as a clause, nothing when
        all is there.

    patience
        Seconds to wait.

    moving
        Clauses that are waited for beyond that.

    The minion's log and the event ``openstack_ha/<cluster>/<system>/waits`` tell what is lacking
    and for how long, at first and every 15 s.

    Returns why it did not come, None when it did: what the master said, or why it cannot be told
    any more what is lacking. For states; on the command line there is no such function to give.

    CLI Example:

    .. code-block:: bash

        salt ctl1 openstack_ha_word.last galera
    """
    try:
        return _wait(cluster, system, lacking, patience, moving)
    except CommandExecutionError as exc:
        return str(exc)


def _wait(cluster, system, lacking, patience, moving):
    runner = system.partition(".")[0]
    if not lacking():
        return None
    if __salt__["openstack_ha_masterless.is_masterless"]():
        return __salt__["openstack_ha_masterless.answer"](system, lacking, patience)
    # The minion answers the master by the pillar that it had at its start: before a new role, say.
    __salt__["saltutil.refresh_pillar"]()
    begin, rung = time.monotonic(), None
    while clause := lacking():
        if rung is None or time.monotonic() - rung >= RING_EVERY:
            __salt__["event.send"](f"openstack_ha/{cluster}/{runner}/doorbell", {})
            rung = time.monotonic()
            _tell(cluster, system, clause, int(rung - begin))
        word = _since(begin, system)
        is_late = time.monotonic() - begin > patience and clause not in moving
        if word.get("verdict") == "refuse" or is_late:
            more = f"`{__utils__['openstack_ha_rule.show'](cluster, runner)}` shows what is known."
            return _refusal(word, f"After {patience} s {clause}", more) or (
                f"After {patience} s {clause}, and the master gave no word. Does its configuration "
                "have the reactor for openstack_ha/*/*/doorbell? There, `salt-call --local "
                "state.apply openstack_ha.master` installs it, and `salt-run "
                f"openstack_ha_coordinator.answer {cluster} {runner}` does its work by hand."
            )
        time.sleep(POLL)
    return None


def _since(begin, system):
    """The master's word, where it has come since then."""
    word = last(system) or {}
    return word if word.get("time", 0) >= begin else {}


def _tell(cluster, system, clause, seconds):
    """What is waited for: whoever reads the log or hears the bus need not wonder why nothing moves.
    A wait that lasts stands also in a log that has warnings only."""
    level = logging.WARNING if seconds else logging.INFO
    age = __utils__["openstack_ha_age.age"](seconds)
    log.log(level, "openstack_ha: %s: waits for the master's word for %s: %s", system, age, clause)
    waits = {"lacking": clause, "seconds": seconds}
    __salt__["event.send"](f"openstack_ha/{cluster}/{system}/waits", waits)


def _refusal(word, late, more):
    """What the master said that ends the wait, None when it said nothing."""
    if not word:
        return None
    if word["verdict"] == "refuse":
        return f"The master refused: {word['why']}. {word['way_out']}. {more}"
    return f"{late}; the master's last word was {word['verdict']}: {word['why']}. {more}"


def _path(system):
    return FOLDER / f"{system}.json"
