"""
States of one keepalived.
"""

__virtualname__ = "openstack_ha_keepalived"


def __virtual__():
    return __virtualname__


def known(name, patience=900):
    """
    All that may hold the VIP know this controller, so that its keepalived may start.

    The master says so: the state rings ``openstack_ha/<cluster>/keepalived/doorbell`` and waits
    until the others have this one among their peers.

    name
        The cluster's name.

    patience
        Seconds to wait for the master, and for the others' highstates.
    """
    ret = {"name": name, "result": True, "changes": {}, "comment": "It may start."}
    lacking = __salt__["openstack_ha_keepalived.lacking"]
    if not lacking():
        return ret
    changes = {"keepalived": {"old": "may not start", "new": "may start"}}
    if __opts__["test"]:
        return {**ret, "result": None, "changes": changes, "comment": "The master would be asked."}
    refusal = __salt__["openstack_ha_word.wait"](name, "keepalived", lacking, patience)
    if refusal:
        return {**ret, "result": False, "comment": refusal}
    return {**ret, "changes": changes, "comment": "The master has seen to it."}
