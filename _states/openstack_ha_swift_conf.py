"""
What must never change in Swift's configuration.
"""

from salt.exceptions import CommandExecutionError

__virtualname__ = "openstack_ha_swift_conf"


def __virtual__():
    return __virtualname__


def guarded(name, path=None, memory=None):
    """
    The pillar has the hash path and the policies that this node's objects were stored with.

    name
        A label of the state.

    path, memory
        See ``openstack_ha_swift_conf.guard``.

    Where it has not, the state fails, and whatever requires it leaves the node as it is. A node
    without a swift.conf remembers those that it gets.
    """
    ret = {"name": name, "result": True, "changes": {}, "comment": ""}
    where = {key: value for key, value in (("path", path), ("memory", memory)) if value}
    try:
        found = __salt__["openstack_ha_swift_conf.guard"](**where)
        if found["objections"]:
            return {**ret, "result": False, "comment": "; ".join(found["objections"])}
        if not found["changes"]:
            return {**ret, "comment": "The hash path and the policies are the node's."}
        ret["changes"] = found["changes"]
        if __opts__["test"]:
            return {**ret, "result": None, "comment": "They would be remembered."}
        __salt__["openstack_ha_swift_conf.remember"](**where)
        left = __salt__["openstack_ha_swift_conf.guard"](**where)["changes"]
    except CommandExecutionError as exc:
        return {**ret, "result": False, "changes": {}, "comment": str(exc)}
    if left:
        return {**ret, "result": False, "comment": f"After the change there is still: {left}"}
    return {**ret, "comment": "They are remembered."}
