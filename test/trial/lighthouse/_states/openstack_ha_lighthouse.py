"""
States of one lighthouse.
"""

from salt.exceptions import CommandExecutionError

__virtualname__ = "openstack_ha_lighthouse"


def __virtual__():
    return __virtualname__


def lit(name, patience=900):
    """
    The lighthouse of this node burns, or watches the one that does.

    One that does neither asks the master: the state rings
    ``openstack_ha/<cluster>/lighthouse/doorbell`` and waits.

    name
        The cluster's name.

    patience
        Seconds to wait for the master.
    """
    ret = {"name": name, "result": True, "changes": {}, "comment": "It is lit."}
    try:
        if not _lacking():
            return ret
        changes = {"lighthouse": {"old": "dark", "new": "lit"}}
        if __opts__["test"]:
            comment = "The master would be asked who burns."
            return {**ret, "result": None, "changes": changes, "comment": comment}
        refusal = __salt__["openstack_ha_word.wait"](name, "lighthouse", _lacking, patience)
    except CommandExecutionError as exc:
        refusal = str(exc)
    if refusal:
        return {**ret, "result": False, "comment": refusal}
    light = __salt__["openstack_ha_lighthouse.light"]()
    return {**ret, "changes": changes, "comment": f"It is lit by {light}."}


def _lacking():
    return None if __salt__["openstack_ha_lighthouse.light"]() else "the lighthouse is dark"
