"""
States of one Keystone.
"""

import time

from salt.exceptions import CommandExecutionError

__virtualname__ = "openstack_ha_keystone"

WAIT_POLL = 1
# A lost doorbell costs this many seconds.
RING_EVERY = 15


def __virtual__():
    return __virtualname__


def prepared(name, patience=900):
    """
    This node has the cluster's keys, and the database has the schema and an administrator, so that
    Keystone may start.

    What is missing the master sees to: the state rings ``openstack_ha/<cluster>/keystone/doorbell``
    and waits.

    name
        The cluster's name.

    patience
        Seconds to wait for the master.
    """
    ret = {"name": name, "result": True, "changes": {}, "comment": "All is there."}
    try:
        missing = _lacks()
    except CommandExecutionError as exc:
        if not __opts__["test"]:
            return {**ret, "result": False, "comment": str(exc)}
        # Before the package is there, nothing can be asked.
        missing = ["keys", "schema", "administrator"]
    if not missing:
        return ret
    changes = {one: {"old": "absent", "new": "present"} for one in missing}
    if __opts__["test"]:
        comment = f"The master would be asked for: {', '.join(missing)}."
        return {**ret, "result": None, "changes": changes, "comment": comment}
    try:
        refusal = _await(name, patience)
    except CommandExecutionError as exc:
        refusal = str(exc)
    if refusal:
        return {**ret, "result": False, "comment": refusal}
    return {**ret, "changes": changes, "comment": "The master has seen to it."}


def _await(name, patience):
    """Ring and wait; why it did not come, None when it did."""
    begin, rung = time.time(), 0.0
    while missing := _lacks():
        if time.time() - rung >= RING_EVERY:
            __salt__["event.send"](f"openstack_ha/{name}/keystone/doorbell", {})
            rung = time.time()
        word = __salt__["openstack_ha_keystone.word"]() or {"time": 0}
        if word["time"] < begin:
            word = {}
        if word.get("verdict") == "refuse" or time.time() - begin > patience:
            return _refusal(name, word, missing, patience)
        time.sleep(WAIT_POLL)
    return None


def _refusal(name, word, missing, patience):
    more = f"`salt-run openstack_ha_keystone.elect {name}` shows what is known."
    if word.get("verdict") == "refuse":
        return f"The master refused: {word['why']}. {word['way_out']}. {more}"
    wait = f"After {patience} s there is no {', '.join(missing)}"
    if word:
        return f"{wait}; the master's last word was {word['verdict']}: {word['why']}. {more}"
    return (
        f"{wait}, and the master gave no word. Does its configuration have the reactor for "
        "openstack_ha/*/keystone/doorbell? There, `salt-call --local state.apply "
        "openstack_ha.master` installs it, and `salt-run openstack_ha_keystone.answer "
        f"{name}` does its work by hand."
    )


def _lacks():
    return __salt__["openstack_ha_keystone.lacks"]()
