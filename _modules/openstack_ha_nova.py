"""
Nova's cell as a controller's database has it, what a compute node was told of it, which services
are active, and the steps that the master tells.
"""

import pathlib
import time

import salt.utils.atomicfile
from salt.exceptions import CommandExecutionError

__virtualname__ = "openstack_ha_nova"

# A compute node has no database to ask. Lost with the node: a rebuilt one is told again.
MAPPED = pathlib.Path("/var/lib/openstack_ha/nova-mapped")
COMPUTE_UNIT = "nova-compute"
MANAGE_TIMEOUT = 600
# One that hangs is killed after a while (TimeoutStopSec), and its start takes long on a busy host.
RESTART_TIMEOUT = 1200
SHOWN = "Id,ActiveState,ActiveEnterTimestampMonotonic"
# What the master decides by, of what the database has of a host and of a service.
HOST = ("host", "is_mapped", "is_marked")
SERVICE = ("binary", "host", "is_forced_down", "silent_for")


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
    systems, units = _systems(), active_units()
    is_ready = "nova.api" in systems and __salt__["openstack_ha_db_sync.is_ready"]("nova")
    return {
        "is_ready": is_ready,
        "pending": __salt__["openstack_ha_db_sync.pending"]("nova") if is_ready else None,
        "cells": cells() if is_ready else None,
        "hosts": _told("hypervisors", HOST) if is_ready else None,
        "services": _told("services", SERVICE) if is_ready else None,
        "units": units,
        "compute": {"is_running": COMPUTE_UNIT in units, "is_mapped": is_mapped()}
        if "nova.compute" in systems
        else None,
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

    Returns ``{"hypervisors": ..}`` as ``openstack_ha_nova_status`` has them.

    Raises CommandExecutionError when Nova's command fails.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha_coordinator.plan demo nova
    """
    _manage("discover_hosts", *(["--by-service"] if by_service else []))
    return {"hypervisors": __salt__["openstack_ha_nova_status.hypervisors"]()}


def forget_services(hosts):
    """
    Forget what Nova has noted of a controller's services on hosts that are none of the cluster's
    any more, and do not report; the master's word only.

    hosts
        The hosts' names.

    Returns ``{"forgotten": how many}``.

    Raises CommandExecutionError when the database does not do it.

    Nova keeps a service until somebody deletes it (``openstack compute service delete``), which is
    this mark on its row: https://docs.openstack.org/nova/latest/reference/database-migrations.html

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha_coordinator.plan demo nova
    """
    progress = "openstack_ha_nova_progress"
    binaries = __utils__[f"{progress}.of_controllers"]()
    marks = ", ".join(["%s"] * len(hosts)), ", ".join(["%s"] * len(binaries))
    count = __salt__["openstack_ha_db_sync.change"](
        "UPDATE nova.services SET deleted = id, deleted_at = UTC_TIMESTAMP() WHERE deleted = 0 "
        f"AND host IN ({marks[0]}) AND `binary` IN ({marks[1]}) AND TIMESTAMPDIFF(SECOND, "
        "COALESCE(last_seen_up, created_at), UTC_TIMESTAMP()) > %s",
        [*hosts, *binaries, __utils__[f"{progress}.reports_within"]()],
    )
    return {"forgotten": count}


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


def restart(unit, started):
    """
    Restart a service that is active and has not reported for long; the master's word only.

    unit
        Its unit.

    started
        The start of which it hangs, in microseconds since the boot.

    Returns ``{"units": ..}``, those that are active after it.

    Raises CommandExecutionError when the unit is not active any more, or has been started anew
    meanwhile, or does not start.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha_coordinator.plan demo nova
    """
    found = active_units().get(unit)
    if found is None or found["started"] != started:
        told = "is not active" if found is None else "has been started anew"
        raise CommandExecutionError(
            f"{unit} on {__opts__['id']} {told}, and is not restarted: `systemctl status {unit}` "
            "there shows it"
        )
    _systemctl("restart", unit)
    return {"units": active_units()}


def _systems():
    return __utils__["openstack_ha_cluster.systems"](
        __salt__["openstack_ha.view"](), __opts__["id"]
    )


def _told(what, keys):
    """A part of what the database has, None where it does not answer."""
    found = __salt__[f"openstack_ha_nova_status.{what}"]()
    return found and [{key: one[key] for key in keys} for one in found]


def active_units():
    """
    Return those of this node's units that are active and whose services report.

    Returns ``{unit: {"started", "active_for"}}``, as ``openstack_ha_nova_progress.active`` of the
    utils does.

    Raises CommandExecutionError when systemd does not answer.

    CLI Example:

    .. code-block:: bash

        salt ctl1 openstack_ha_nova.active_units
    """
    units = __utils__["openstack_ha_nova_progress.units"](_systems())
    # Without a name it would show all there are.
    text = _systemctl("show", f"--property={SHOWN}", *units) if units else ""
    # systemd's clock: it stands still while the machine does.
    return __utils__["openstack_ha_nova_progress.active"](text, time.monotonic())


def _systemctl(*words):
    argv = ["systemctl", *words]
    result = __salt__["cmd.run_all"](argv, python_shell=False, timeout=RESTART_TIMEOUT)
    if result["retcode"]:
        raise CommandExecutionError(
            f"`{' '.join(argv)}` on {__opts__['id']} ended with {result['retcode']}: "
            f"{result['stderr'].strip()}; `journalctl -n 50` there has the log"
        )
    return result["stdout"]


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
