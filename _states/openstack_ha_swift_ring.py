"""
Swift's rings on the node that builds them.
"""

from salt.exceptions import CommandExecutionError

__virtualname__ = "openstack_ha_swift_ring"


def __virtual__():
    return __virtualname__


def managed(name, replication=None, folder=None):
    """
    The ring's builder is the pillar's, or as near to it as one run may bring it.

    name
        The ring: ``account``, ``container``, ``object`` or ``object-<policy>``.

    replication
        What is known of replication, as for ``openstack_ha_swift_ring.plan``, which asks the nodes
        where it is left out.

    folder
        Where the builders are; default: the module's.

    What has to wait, for min_part_hours or for replication, is told in the comment and as a
    warning; the run is good, since nothing is wrong. A refusal is a failure that says what helps.
    """
    ret = {"name": name, "result": True, "changes": {}, "comment": ""}
    more = {"folder": folder} if folder else {}
    verb = "plan" if __opts__["test"] else "apply"
    try:
        found = __salt__[f"openstack_ha_swift_ring.{verb}"](name, replication, **more)
    except CommandExecutionError as exc:
        return {**ret, "result": False, "comment": str(exc)}
    if not __opts__["test"] and (found["steps"] or found["waits"]):
        # The master takes a copy of what is new, and spreads it.
        cluster = __salt__["openstack_ha.view"]()["name"]
        __salt__["event.send"](f"openstack_ha/{cluster}/swift/doorbell", {})
    if found["refusals"]:
        return {**ret, "result": False, "comment": _lines(found["refusals"])}
    if found["waits"]:
        ret["warnings"] = [f"{len(found['later'])} steps wait: {_lines(found['waits'])}"]
    ret["changes"] = found["changes"] or ({"ring": "written"} if found["steps"] else {})
    return {**ret, **_outcome(found)}


def _outcome(found):
    if not found["steps"]:
        if found["later"]:
            return {"comment": f"Nothing can be done now. {_lines(found['waits'])}"}
        return {"comment": "The ring is as it should."}
    if __opts__["test"]:
        return {"result": None, "comment": "The ring would be changed."}
    return {"comment": f"The ring has version {found['after']['version']} now."}


def _lines(reasons):
    return "; ".join(f"{one['reason']}: {one['remedy']}" for one in reasons)
