"""
What a highstate cannot change on a running cluster: refused before anything is written, and
remembered by each part that runs with it.
"""

from salt.exceptions import CommandExecutionError

__virtualname__ = "openstack_ha_guard"


def __virtual__():
    return __virtualname__


def unchanged(name):
    """
    The pillar has the values that this node runs with.

    name
        The cluster's name.

    Where it has not, the state fails, and names each value with its old and its new one, the
    reason, and what changes it. It comes first and has ``failhard``, so nothing is changed then. In
    test mode Salt goes on, and shows what the other states would do.
    """
    ret = {"name": name, "result": False, "changes": {}, "comment": ""}
    try:
        lines = __salt__["openstack_ha_guard.objections"]()
    except CommandExecutionError as exc:
        return {**ret, "comment": str(exc)}
    if lines:
        return {**ret, "comment": "\n".join(lines)}
    comment = "What a highstate cannot change is as this node remembers it."
    return {**ret, "result": True, "comment": comment}


def remembered(name):
    """
    This node remembers what a part runs with.

    name
        The part, e.g. ``galera``; ``swift`` is what all of Swift's have.
    """
    ret = {"name": name, "result": True, "changes": {}, "comment": ""}
    try:
        changes = __salt__["openstack_ha_guard.pending"](name)
        if not changes:
            return {**ret, "comment": "It is remembered."}
        if __opts__["test"]:
            comment = "It would be remembered."
            return {**ret, "result": None, "changes": changes, "comment": comment}
        __salt__["openstack_ha_guard.remember"](name)
        left = __salt__["openstack_ha_guard.pending"](name)
    except CommandExecutionError as exc:
        return {**ret, "result": False, "comment": str(exc)}
    if left:
        return {**ret, "result": False, "comment": f"After the change there is still: {left}"}
    return {**ret, "changes": changes, "comment": "It is remembered."}
