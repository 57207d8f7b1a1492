"""
States of one Keystone.
"""

from salt.exceptions import CommandExecutionError

__virtualname__ = "openstack_ha_keystone"


def __virtual__():
    return __virtualname__


def prepared(name, patience=900):
    """
    This node has the cluster's keys, and the database an administrator, so that Keystone may start.

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
        missing = ["keys", "administrator"]
    if not missing:
        return ret
    changes = {one: {"old": "absent", "new": "present"} for one in missing}
    if __opts__["test"]:
        comment = f"The master would be asked for: {', '.join(missing)}."
        return {**ret, "result": None, "changes": changes, "comment": comment}
    refusal = __salt__["openstack_ha_word.wait"](name, "keystone", _lacking, patience)
    if refusal:
        return {**ret, "result": False, "comment": refusal}
    return {**ret, "changes": changes, "comment": "The master has seen to it."}


def _lacking():
    missing = _lacks()
    return missing and f"there is no {', '.join(missing)}"


def _lacks():
    return __salt__["openstack_ha_keystone.lacks"]()
