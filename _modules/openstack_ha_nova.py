"""
Nova's cell as a controller's database has it, what a compute node was told of it, and the steps
that the master tells.
"""

import os
import pathlib
import shutil

import salt.utils.atomicfile
from salt.exceptions import CommandExecutionError

__virtualname__ = "openstack_ha_nova"

# A compute node has no database to ask. Lost with the node: a rebuilt one is told again.
MAPPED = pathlib.Path("/var/lib/openstack_ha/nova-mapped")
COMPUTE_UNIT = "nova-compute"
MANAGE_TIMEOUT = 600
# Seconds without a report after which Nova takes a service for dead (service_down_time).
REPORTS_WITHIN = 60
# They never report, and Nova's own list leaves them out, too.
SILENT = ("nova-osapi_compute", "nova-metadata")


def __virtual__():
    return __virtualname__


def evidence():
    """
    Return what the master decides by; ``openstack_ha_nova_rule`` of the utils explains it.

    Raises CommandExecutionError when something cannot be told.

    CLI Example:

    .. code-block:: bash

        salt ctl1 openstack_ha_nova.evidence
    """
    systems = _systems()
    is_ready = "nova.api" in systems and _is_ready()
    return {
        "is_ready": is_ready,
        "pending": __salt__["openstack_ha_db_sync.pending"]("nova") if is_ready else None,
        "cells": cells() if is_ready else None,
        "hosts": _hosts() if is_ready else None,
        "compute": _as_a_compute_node() if "nova.compute" in systems else None,
    }


def cells():
    """
    Return Nova's cells but cell0, as this controller's database has them.

    Returns a list of ``{uuid, name, is_current}``, the last whether its name, database and brokers
    are what they should be; empty where there is no schema, None where the database does not
    answer. What the database has for them may be passwords, and is not returned.

    CLI Example:

    .. code-block:: bash

        salt ctl1 openstack_ha_nova.cells
    """
    found = _rows(
        "SELECT uuid, name, database_connection, transport_url FROM nova_api.cell_mappings "
        f"WHERE uuid != '{__utils__['openstack_ha_nova_cells.cell0']()}' ORDER BY id"
    )
    wanted = _wanted()
    return found and [
        {"uuid": uuid, "name": name, "is_current": (name, database, transport) == wanted}
        for uuid, name, database, transport in found
    ]


def lacks_cell():
    """
    Return what this controller's services wait for as a clause, None when the cell is there.

    CLI Example:

    .. code-block:: bash

        salt ctl1 openstack_ha_nova.lacks_cell
    """
    found = cells()
    if found is None:
        return "the database does not answer"
    if not found:
        return "there is no cell"
    if len(found) == 1 and not found[0]["is_current"]:
        return "the cell has another name, database or brokers"
    return None if any(one["is_current"] for one in found) else "none of the cells is the formula's"


def is_mapped():
    """
    Return whether this compute node was told that it is in the cell, under the name that it has.

    CLI Example:

    .. code-block:: bash

        salt cmp1 openstack_ha_nova.is_mapped
    """
    try:
        return MAPPED.read_text(encoding="utf-8") == _hostname()
    except FileNotFoundError:
        return False


def create_cell():
    """
    Make the cell of all compute nodes; the master's word only.

    Returns ``{"cells": ..}`` as ``cells`` does.

    Raises CommandExecutionError when Nova's command fails.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha_coordinator.plan demo nova
    """
    return _of_the_cell("create_cell")


def update_cell(cell):
    """
    Give the cell the name, the database and the brokers that it should have; the master's word
    only. Nova's services take that with their next start.

    cell
        Its UUID.

    Returns ``{"cells": ..}`` as ``cells`` does.

    Raises CommandExecutionError when Nova's command fails.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha_coordinator.plan demo nova
    """
    return _of_the_cell("update_cell", "--cell_uuid", cell)


def discover_hosts(by_service=False):
    """
    Map the hosts that have registered to the cell; the master's word only.

    by_service
        Whether those that were mapped once are looked for, too, whose mapping is gone.

    Returns ``{"hypervisors": ..}`` as ``hypervisors`` does.

    Raises CommandExecutionError when Nova's command fails.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha_coordinator.plan demo nova
    """
    _manage("discover_hosts", *(["--by-service"] if by_service else []))
    return {"hypervisors": hypervisors()}


def confirm(is_mapped):
    """
    Keep whether this compute node is in the cell, for the state that waits for it; the master's
    word only.

    is_mapped
        Whether it is.

    Returns ``{"is_mapped": ..}``.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha_coordinator.plan demo nova
    """
    if is_mapped:
        MAPPED.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        with salt.utils.atomicfile.atomic_open(str(MAPPED), "w") as handle:
            handle.write(_hostname())
    else:
        MAPPED.unlink(missing_ok=True)
    return {"is_mapped": is_mapped}


def hypervisors():
    """
    Return what has registered to run machines, as this controller's database has it.

    Returns a list of ``{host, hypervisor, is_mapped, is_marked}``: whether its host is in a cell,
    and whether Nova has noted that it was once; None where the database does not answer.

    CLI Example:

    .. code-block:: bash

        salt ctl1 openstack_ha_nova.hypervisors
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

        salt ctl1 openstack_ha_nova.services
    """
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
            # As Nova counts: one from the future is as wrong as one of long ago.
            "is_up": not forced_down and abs(seconds) <= REPORTS_WITHIN,
            "is_forced_down": bool(forced_down),
            "is_disabled": bool(disabled),
            "reason": reason,
            "silent_for": seconds,
        }
        for number, binary, host, disabled, reason, forced_down, seconds in found
    ]


def status():
    """
    Return what of Nova is not as it should be: ``{"services": those that are down or disabled,
    "unmapped": hosts in no cell}``; None on a node without Nova's API.

    Raises CommandExecutionError when the database does not answer.

    CLI Example:

    .. code-block:: bash

        salt ctl1 openstack_ha_nova.status
    """
    if "nova.api" not in _systems():
        return None
    found, known = services(), hypervisors()
    if found is None or known is None:
        raise CommandExecutionError(f"the database of {__opts__['id']} does not answer")
    return {
        "services": [one for one in found if one["is_disabled"] or not one["is_up"]],
        "unmapped": [one["host"] for one in known if not one["is_mapped"]],
    }


def _systems():
    return __utils__["openstack_ha_cluster.systems"](
        __salt__["openstack_ha.view"](), __opts__["id"]
    )


def _is_ready():
    """Whether Nova's own command could run: its program and its configuration are there."""
    facts = __utils__["openstack_ha_db_sync.facts"]("nova")
    return bool(shutil.which(facts["command"])) and all(map(os.path.exists, facts["config"]))


def _hosts():
    found = hypervisors()
    keys = ("host", "is_mapped", "is_marked")
    return found and [{key: one[key] for key in keys} for one in found]


def _as_a_compute_node():
    is_running = __salt__["service.status"](COMPUTE_UNIT)
    return {"is_running": bool(is_running), "is_mapped": is_mapped()}


def _hostname():
    return __salt__["openstack_ha.view"]()["self"]["hostname"]


def _of_the_cell(command, *arguments):
    name, database, transport = _wanted()
    _manage(
        command,
        *arguments,
        "--name",
        name,
        "--database_connection",
        database,
        "--transport-url",
        transport,
    )
    return {"cells": cells()}


def _wanted():
    """The cell's name, and the templates of its database and its brokers."""
    return (
        __utils__["openstack_ha_nova_cells.name"](),
        __utils__["openstack_ha_nova_cells.cell_database"](),
        __utils__["openstack_ha_nova_cells.transport"](__salt__["openstack_ha.view"]()),
    )


def _manage(*arguments):
    __salt__["openstack_ha_db_sync.manage"]("nova", ["cell_v2", *arguments], MANAGE_TIMEOUT)


def _rows(statement):
    return __salt__["openstack_ha_db_sync.rows"](statement)
