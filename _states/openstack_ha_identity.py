"""
States of Keystone's objects.
"""

import time

from salt.exceptions import CommandExecutionError

__virtualname__ = "openstack_ha_identity"

WAIT_POLL = 2


def __virtual__():
    return __virtualname__


def managed(name, prune=False, patience=120):
    """
    Keystone has the objects that the formula's services and the pillar ask for.

    One controller looks after them, which the master names; on the others there is nothing to do.

    name
        The cluster's name.

    prune
        Remove what the formula has made and the pillar does not name any more.

    patience
        Seconds to wait for the API, and for the master's word who looks after the objects.
    """
    ret = {
        "name": name,
        "result": True,
        "changes": {},
        "comment": "All objects are as they should.",
    }
    try:
        if _is_owner(name, patience) is False:
            return {**ret, "comment": "Another controller looks after the objects."}
        pending = _asked("pending", prune, patience)
        ret["changes"] = _shown(pending)
        if not pending:
            return ret
        if __opts__["test"]:
            return {**ret, "result": None, "comment": "Objects would be made or corrected."}
        left = _asked("apply", prune, patience)
    except CommandExecutionError as exc:
        result = None if __opts__["test"] else False
        return {**ret, "result": result, "changes": {}, "comment": str(exc)}
    if left:
        comment = f"After the change there is still: {_shown(left)}"
        return {**ret, "result": False, "comment": comment}
    return {**ret, "comment": "Objects were made or corrected."}


def _is_owner(name, patience):
    """Whether the master has named this node; it is asked when it has named nobody yet."""
    if __opts__["test"]:
        refusal = _nobody()
    else:
        refusal = __salt__["openstack_ha_word.wait"](name, "keystone", _nobody, patience)
    if refusal:
        raise CommandExecutionError(refusal)
    return __salt__["openstack_ha_identity.is_owner"]()


def _nobody():
    is_named = __salt__["openstack_ha_identity.is_owner"]() is not None
    return None if is_named else "nobody is named to look after Keystone's objects"


def _asked(function, prune, patience):
    """
    What the API answers in the end. One that has just come up is waited for, and so is a VIP that
    moves meanwhile: whatever was made by then is no difference any more.
    """
    deadline = time.time() + patience
    while True:
        try:
            return __salt__[f"openstack_ha_identity.{function}"](prune)
        except CommandExecutionError:
            if __opts__["test"] or time.time() > deadline:
                raise
            time.sleep(WAIT_POLL)


def _shown(pending):
    """The difference as a state shows it."""
    return {
        f"{one['kind']} {' '.join(one['key'])}": {
            "old": "absent" if one["change"] == "create" else one["old"],
            "new": "absent" if one["change"] == "remove" else one["new"] or "present",
        }
        for one in pending
    }
