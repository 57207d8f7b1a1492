"""
Nova's services and hosts as this controller's database has them, and what of them is not as it
should be.
"""

from salt.exceptions import CommandExecutionError

__virtualname__ = "openstack_ha_nova_status"

# They never report, and Nova's own list leaves them out, too.
SILENT = ("nova-osapi_compute", "nova-metadata")
# Machines of a host that has none.
NONE = {"machines": 0, "running": 0}


def __virtual__():
    return __virtualname__


def hypervisors():
    """
    Return what has registered to run machines, as this controller's database has it.

    Returns a list of ``{host, hypervisor, is_mapped, is_marked}``: whether its host is in a cell,
    and whether Nova has noted that it was once; None where the database does not answer.

    CLI Example:

    .. code-block:: bash

        salt ctl1 openstack_ha_nova_status.hypervisors
    """
    found = _rows(
        "SELECT host, hypervisor_hostname, mapped FROM nova.compute_nodes "
        "WHERE deleted = 0 AND host IS NOT NULL ORDER BY host"
    )
    # Not joined: the two databases may compare texts by different rules.
    mapped = _rows("SELECT host FROM nova_api.host_mappings")
    if found is None or mapped is None:
        return None
    in_a_cell = {host for (host,) in mapped}
    return [
        {
            "host": host,
            "hypervisor": name,
            "is_mapped": host in in_a_cell,
            "is_marked": bool(mark),
        }
        for host, name, mark in found
    ]


def services():
    """
    Return Nova's services as this controller's database has them.

    Returns a list of ``{id, binary, host, is_up, is_forced_down, is_disabled, reason,
    silent_for}``: whether Nova takes it for alive, by the database's own clock; whether a person
    has said that it is down, or disabled, and why; and the seconds since its last report. None
    where the database does not answer.

    CLI Example:

    .. code-block:: bash

        salt ctl1 openstack_ha_nova_status.services
    """
    has_reported = __utils__["openstack_ha_nova_progress.has_reported"]
    found = _rows(
        "SELECT id, `binary`, host, disabled, disabled_reason, forced_down, TIMESTAMPDIFF(SECOND, "
        "COALESCE(last_seen_up, created_at), UTC_TIMESTAMP()) FROM nova.services "
        f"WHERE deleted = 0 AND `binary` NOT IN {SILENT} ORDER BY host, `binary`"
    )
    return found and [
        {
            "id": number,
            "binary": binary,
            "host": host,
            "is_up": not forced_down and has_reported(seconds),
            "is_forced_down": bool(forced_down),
            "is_disabled": bool(disabled),
            "reason": reason,
            "silent_for": seconds,
        }
        for number, binary, host, disabled, reason, forced_down, seconds in found
    ]


def status():
    """
    Return how Nova's hosts are, and what of it is not as it should be: ``{"hypervisors": {host:
    {"is_up", "machines", "running"}}, "services": those that are down or disabled, "unmapped":
    hosts in no cell}``; None on a node without Nova's API.

    Raises CommandExecutionError when the database does not answer.

    CLI Example:

    .. code-block:: bash

        salt ctl1 openstack_ha_nova_status.status
    """
    if "nova.api" not in _systems():
        return None
    found, known, machines = services(), hypervisors(), _machines()
    if None in (found, known, machines):
        raise CommandExecutionError(f"the database of {__opts__['id']} does not answer")
    up = {one["host"] for one in found if one["binary"] == "nova-compute" and one["is_up"]}
    return {
        "hypervisors": {
            one["host"]: {"is_up": one["host"] in up, **machines.get(one["host"], NONE)}
            for one in known
        },
        "services": [one for one in found if one["is_disabled"] or not one["is_up"]],
        "unmapped": [one["host"] for one in known if not one["is_mapped"]],
    }


def _machines():
    """How many machines a host has, and how many of them ran when nova-compute last looked."""
    found = _rows(
        "SELECT host, COUNT(*), COALESCE(SUM(power_state = 1), 0) FROM nova.instances "
        "WHERE deleted = 0 AND host IS NOT NULL GROUP BY host"
    )
    if found is None:
        return None
    return {host: {"machines": count, "running": int(running)} for host, count, running in found}


def _systems():
    return __utils__["openstack_ha_cluster.systems"](
        __salt__["openstack_ha.view"](), __opts__["id"]
    )


def _rows(statement):
    return __salt__["openstack_ha_db_sync.rows"](statement)
