"""
States of a node that Swift runs on.
"""

import time

from salt.exceptions import CommandExecutionError

__virtualname__ = "openstack_ha_swift"

WAIT_POLL = 1
# A lost doorbell costs this many seconds.
RING_EVERY = 15


def __virtual__():
    return __virtualname__


def rings_present(name, patience=None):
    """
    Every ring of the cluster is on this node, as the master gave it.

    A node that lacks one rings the doorbell ``openstack_ha/<cluster>/swift/doorbell`` and waits for
    the master, which takes rings from their owner. Rings that are there are kept current by the
    master alone.

    name
        The cluster's name.

    patience
        Seconds to wait for the master; default: ``swift:patience``.
    """
    ret = {"name": name, "result": True, "changes": {}, "comment": "All rings are there."}
    try:
        missing = __salt__["openstack_ha_swift.missing"]()
        if patience is None:
            patience = __salt__["openstack_ha.view"]()["swift"]["patience"]
    except CommandExecutionError as exc:
        return {**ret, "result": False, "comment": str(exc)}
    if not missing:
        return ret
    changes = {ring: {"old": why, "new": "the cluster's"} for ring, why in missing.items()}
    if __opts__["test"]:
        comment = "The master would be asked for the rings."
        return {**ret, "result": None, "changes": changes, "comment": comment}
    refusal = _await(name, patience)
    if refusal:
        return {**ret, "result": False, "comment": refusal}
    return {**ret, "changes": changes, "comment": "The master has given the rings."}


def _await(name, patience):
    """Ring and wait for the rings; why they did not come, None when they did."""
    # The minion answers the master by the pillar that it had at its start: before a new role, say.
    __salt__["saltutil.refresh_pillar"]()
    begin, rung = time.time(), 0.0
    while __salt__["openstack_ha_swift.missing"]():
        if time.time() - rung >= RING_EVERY:
            __salt__["event.send"](f"openstack_ha/{name}/swift/doorbell", {})
            rung = time.time()
        word = __salt__["openstack_ha_swift.word"]() or {"time": 0}
        if word["time"] < begin:
            word = {}
        if word.get("verdict") == "refuse" or time.time() - begin > patience:
            return _refusal(name, word, patience)
        time.sleep(WAIT_POLL)
    return None


def _refusal(name, word, patience):
    more = f"`salt-run openstack_ha_swift.plan {name}` shows what is known."
    if word.get("verdict") == "refuse":
        return f"The master refused: {word['why']}. {word['way_out']}. {more}"
    if word:
        return f"After {patience} s the master still waits: {word['why']}. {more}"
    return (
        f"After {patience} s the master gave no word. Does its configuration have the reactor for "
        "openstack_ha/*/swift/doorbell? `salt-call --local state.apply openstack_ha.master` there "
        f"installs it, and `salt-run openstack_ha_swift.answer {name}` does its work by hand."
    )
