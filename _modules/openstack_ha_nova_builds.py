"""
Creations of machines as this controller's database has them, and the end of those that are lost.
"""

import json
import os
import pathlib

from salt.exceptions import CommandExecutionError

__virtualname__ = "openstack_ha_nova_builds"

PROGRAM = pathlib.Path("/usr/libexec/openstack_ha/openstack-ha-nova-builds.py")
TIMEOUT = 300
# As in the units of Nova's services: its libraries bring authorities of their own.
ENVIRONMENT = {"REQUESTS_CA_BUNDLE": "/etc/ssl/certs/ca-certificates.crt"}
# Seconds; nobody waits so short a time for a creation to go on.
RECENT = 10
# Seconds between two reports of a service, and after which one that reports no more is lost: two
# may be late.
REPORT, SILENT = 10, 25
# Machines that are being built, and the host of the compute node on which one has a place.
BUILDING = "i.deleted = 0 AND i.vm_state = 'building'"
PLACE = (
    "(SELECT c.host FROM placement.allocations a "
    "JOIN placement.resource_providers p ON p.id = a.resource_provider_id "
    "JOIN nova.compute_nodes c ON c.uuid = p.uuid WHERE a.consumer_id = i.uuid LIMIT 1)"
)
# Of each kind a look returns no more: the oldest ones.
MOST = 100


def __virtual__():
    return __virtualname__


def evidence():
    """
    Return what the master decides by; ``openstack_ha_nova_builds_rule`` of the utils explains it.

    CLI Example:

    .. code-block:: bash

        salt ctl1 openstack_ha_nova_builds.evidence
    """
    facts = __utils__["openstack_ha_db_sync.facts"]("nova")
    needed = [_python(facts), PROGRAM, *facts["config"]]
    return {
        "is_ready": all(map(os.path.exists, needed)),
        "started": started(),
        "requests": requests(),
        "machines": machines(),
    }


def started():
    """
    Return for how many seconds those of this controller's conductor and scheduler that run have
    all run, None where none does.

    Raises CommandExecutionError when systemd does not answer.

    CLI Example:

    .. code-block:: bash

        salt ctl1 openstack_ha_nova_builds.started
    """
    units = __salt__["openstack_ha_nova.active_units"]()
    return min((one["active_for"] for one in units.values()), default=None)


def requests():
    """
    Return the creations that no conductor has brought to a compute node, but the most recent ones.

    Returns a list of ``{uuid, is_orphaned, seconds}`` since each was accepted, by the database's
    clock; ``is_orphaned`` is whether a conductor or a scheduler has reported since then, and does
    so no more. None where the database does not answer.

    CLI Example:

    .. code-block:: bash

        salt ctl1 openstack_ha_nova_builds.requests
    """
    age, silent = _seconds_since("r.created_at"), _seconds_since("s.last_seen_up")
    found = _rows(
        f"SELECT r.instance_uuid, {age}, EXISTS (SELECT 1 FROM nova.services s "
        f"WHERE s.deleted = 0 AND s.`binary` IN ('nova-conductor', 'nova-scheduler') "
        f"AND {silent} BETWEEN {SILENT} AND {age} + {REPORT}) FROM nova_api.build_requests r "
        f"WHERE r.instance_uuid IS NOT NULL AND {age} >= {RECENT} ORDER BY r.id LIMIT {MOST}"
    )
    return found and [
        {"uuid": uuid, "is_orphaned": bool(is_orphaned), "seconds": seconds}
        for uuid, seconds, is_orphaned in found
    ]


def machines():
    """
    Return the machines that are being built, but those that have just gone on.

    Returns a list of ``{uuid, host, is_held, is_left, seconds}`` since each one's last step, by the
    database's clock; ``is_held`` is whether its host's nova-compute is alive, ``is_left`` whether
    one has begun with it and not made it its own, or is alive, has a place for it, builds nothing
    else and does not begin. None where the database does not answer.

    CLI Example:

    .. code-block:: bash

        salt ctl1 openstack_ha_nova_builds.machines
    """
    age = _seconds_since("COALESCE(i.updated_at, i.created_at)")
    found = _rows(
        f"SELECT i.uuid, i.host, i.task_state IS NULL, {PLACE}, {age} FROM nova.instances i "
        f"WHERE {BUILDING} AND {age} >= {RECENT} ORDER BY i.id LIMIT {MOST}"
    )
    if not found:
        return found
    services = __salt__["openstack_ha_nova_status.services"]()
    busy = _rows(
        f"SELECT DISTINCT i.host FROM nova.instances i WHERE {BUILDING} AND i.host IS NOT NULL"
    )
    if services is None or busy is None:
        return None
    alive = {one["host"] for one in services if one["binary"] == "nova-compute" and one["is_up"]}
    idle = alive - {host for (host,) in busy}
    return [
        {
            "uuid": uuid,
            "host": host,
            "is_held": host in alive,
            "is_left": host is None and bool(is_begun or place in idle),
            "seconds": seconds,
        }
        for uuid, host, is_begun, place, seconds in found
    ]


def give_up(machines, why):
    """
    End creations of machines in an error; the master's word only. A late conductor finds its
    request gone and leaves off; one that a compute node has just taken stays.

    machines
        Their UUIDs.

    why
        What the error says.

    Returns ``{"ended": [uuid, ..], "kept": {uuid: why}}``.

    Raises CommandExecutionError when the program fails.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha_coordinator.plan demo nova_builds
    """
    facts = __utils__["openstack_ha_db_sync.facts"]("nova")
    user = [f"--reuid={facts['user']}", f"--regid={facts['user']}", "--init-groups"]
    files = [word for path in facts["config"] for word in ("--config-file", path)]
    argv = ["setpriv", *user, _python(facts), str(PROGRAM), *files]
    asked = json.dumps({"machines": machines, "why": why})
    done = __salt__["cmd.run_all"](
        argv, python_shell=False, timeout=TIMEOUT, stdin=asked, env=ENVIRONMENT
    )
    if done["retcode"]:
        said = " | ".join(done["stderr"].strip().splitlines()[-5:])
        raise CommandExecutionError(
            f"`{' '.join(argv)}` on {__opts__['id']} ended with {done['retcode']}: {said}"
        )
    return json.loads(done["stdout"])


def _python(facts):
    return os.path.join(os.path.dirname(facts["command"]), "python")


def _seconds_since(moment):
    return f"TIMESTAMPDIFF(SECOND, {moment}, UTC_TIMESTAMP())"


def _rows(statement):
    return __salt__["openstack_ha_db_sync.rows"](statement)
