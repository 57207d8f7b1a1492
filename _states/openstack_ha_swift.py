"""
States of a node that Swift runs on.
"""

from salt.exceptions import CommandExecutionError

__virtualname__ = "openstack_ha_swift"


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
    refusal = __salt__["openstack_ha_word.wait"](name, "swift", _lacking, patience)
    if refusal:
        return {**ret, "result": False, "comment": refusal}
    return {**ret, "changes": changes, "comment": "The master has given the rings."}


def _lacking():
    missing = __salt__["openstack_ha_swift.missing"]()
    return missing and f"it lacks the rings {', '.join(missing)}"
