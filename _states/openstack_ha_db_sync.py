"""
States of a service's schema in the database.
"""

from salt.exceptions import CommandExecutionError

__virtualname__ = "openstack_ha_db_sync"


def __virtual__():
    return __virtualname__


def synced(name, cluster, patience=900):
    """
    The database has the schema that a service of this node needs.

    The master names the one controller that makes it: the state rings
    ``openstack_ha/<cluster>/db_sync/doorbell`` and waits.

    name
        The service, e.g. ``keystone``.

    cluster
        The cluster's name.

    patience
        Seconds to wait for the master.
    """
    ret = {"name": name, "result": True, "changes": {}, "comment": "The schema is there."}
    wait = __salt__["openstack_ha_word.wait"]
    try:
        lacking = _lacking(name)
    except CommandExecutionError as exc:
        if not __opts__["test"]:
            return {**ret, "result": False, "comment": str(exc)}
        lacking = "its package is not there yet"
    if not lacking:
        return ret
    ret["changes"] = {"schema": {"old": lacking, "new": "synced"}}
    if __opts__["test"]:
        return {**ret, "result": None, "comment": "The master would be asked for the schema."}
    refusal = wait(cluster, f"db_sync.{name}", lambda: _lacking(name), patience)
    if refusal:
        return {**ret, "result": False, "changes": {}, "comment": refusal}
    return {**ret, "comment": "The master has seen to it."}


def _lacking(service):
    pending = __salt__["openstack_ha_db_sync.pending"](service)
    if pending == "sync":
        return "there is no schema"
    if pending == "expand":
        return "the schema is older than the package"
    return "the database does not answer" if pending is None else None
