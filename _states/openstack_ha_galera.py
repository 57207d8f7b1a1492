"""
States of one member of a MariaDB Galera cluster.
"""

from salt.exceptions import CommandExecutionError

__virtualname__ = "openstack_ha_galera"

UNFINISHED = ("starting", "joining", "stopping")


def __virtual__():
    return __virtualname__


def member_present(name, patience=900):
    """
    This server is a Synced member of the cluster, started with the configuration it has now.

    A server that is not asks the master: it rings the doorbell
    ``openstack_ha/<cluster>/galera/doorbell`` and waits for what the master's runner decides and
    does. It never starts itself.

    name
        The cluster's name.

    patience
        Seconds to wait for the master; a transfer that moves is waited for beyond that.
    """
    ret = {"name": name, "result": True, "changes": {}, "comment": ""}
    try:
        before = __salt__["openstack_ha_galera.evidence"]()
    except CommandExecutionError as exc:
        return {**ret, "result": False, "comment": str(exc)}
    if _is_member(before):
        return {**ret, "comment": "The server is a Synced member."}
    ret["changes"] = {"member": {"old": _summary(before), "new": "Synced"}}
    if __opts__["test"]:
        comment = "The master would be asked how the server is to start."
        return {**ret, "result": None, "comment": comment}
    moving = [_clause(server) for server in UNFINISHED]
    refusal = __salt__["openstack_ha_word.wait"](name, "galera", _lacking, patience, moving=moving)
    if refusal:
        return {**ret, "changes": {}, "result": False, "comment": refusal}
    return {**ret, "comment": "The server is a Synced member now."}


def accounts_present(name):
    """
    The pillar's databases and SQL accounts exist, with their passwords and rights.

    name
        A label of the state.

    Databases, accounts and rights beside the pillar's stay as they are.
    """
    ret = {
        "name": name,
        "result": True,
        "changes": {},
        "comment": "All accounts are as they should.",
    }
    try:
        if __opts__["test"] and __salt__["openstack_ha_galera.server"]() != "running":
            comment = "The server does not run yet; its accounts would be compared and created."
            return {
                **ret,
                "result": None,
                "changes": {"accounts": {"old": "not known", "new": "present"}},
                "comment": comment,
            }
        pending = __salt__["openstack_ha_galera.accounts_pending"]()
        ret["changes"] = _account_changes(pending)
        if not ret["changes"]:
            return ret
        if __opts__["test"]:
            comment = "Databases or accounts would be created or corrected."
            return {**ret, "result": None, "comment": comment}
        __salt__["openstack_ha_galera.accounts_apply"]()
        left = _account_changes(__salt__["openstack_ha_galera.accounts_pending"]())
    except CommandExecutionError as exc:
        return {**ret, "result": False, "comment": str(exc)}
    if left:
        return {**ret, "result": False, "comment": f"After the change there is still: {left}"}
    return {**ret, "comment": "Databases and accounts were created or corrected."}


def _account_changes(pending):
    changes = {
        f"database {name}": {"old": "absent", "new": "present"} for name in pending["databases"]
    }
    for name, reason in pending["accounts"].items():
        changes[f"account {name}"] = {"old": reason, "new": "present"}
    return changes


def _lacking():
    """What keeps this server from being a member, as a clause; nothing when it is one."""
    try:
        now = __salt__["openstack_ha_galera.status"]()
        if now["is_synced"] and _is_member(__salt__["openstack_ha_galera.evidence"]()):
            return None
    except CommandExecutionError:
        # A server that comes up may refuse a connection; the deadline bounds the wait.
        now = {"server": "starting"}
    return _clause(now["server"])


def _clause(server):
    return f"the server is {server}"


def _is_member(evidence):
    wsrep = evidence["wsrep"]
    return bool(
        wsrep
        and wsrep["cluster_status"] == "Primary"
        and wsrep["local_state_comment"] == "Synced"
        and not evidence["is_outdated"]
    )


def _summary(evidence):
    if evidence["wsrep"]:
        state = f"{evidence['wsrep']['cluster_status']}, {evidence['wsrep']['local_state_comment']}"
        return f"{state}, with an older configuration" if evidence["is_outdated"] else state
    return evidence["server"]
