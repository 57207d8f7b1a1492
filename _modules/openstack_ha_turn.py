"""
Services that are renewed one node at a time: whether this node's are outdated, and the steps.

What a service was started with is a digest of its files, which its unit leaves at each start; so a
run that was cut off between a file and a restart is found by the next one.
"""

import hashlib
import os
import pathlib
import time

from salt.exceptions import CommandExecutionError

__virtualname__ = "openstack_ha_turn"

# One file a service, with the paths of what it reads at its start, a line each.
FILES = pathlib.Path("/etc/openstack_ha/turns")
# What each was started with; gone with the boot.
STARTED = pathlib.Path("/run/openstack_ha/started")
# While it exists, the service's own health check says that it does not serve.
MAINTENANCE = pathlib.Path("/run/openstack-ha-health")
# What stands in there when it is the master's doing, and no person's.
MARK = "openstack_ha_turn\n"
RESTART_TIMEOUT = 300


def __virtual__():
    return __virtualname__


def services():
    """
    Return the services of this node that have turns, with their units.

    CLI Example:

    .. code-block:: bash

        salt ctl1 openstack_ha_turn.services
    """
    view = __salt__["openstack_ha.view"]()
    own = __utils__["openstack_ha_cluster.systems"](view, __opts__["id"])
    turns = __utils__["openstack_ha_systems.turns"]()
    return {name: facts for name, facts in turns.items() if name in own}


def evidence():
    """
    Return what the master decides by, by service; ``openstack_ha_turn_rule`` explains it.

    Raises CommandExecutionError when something cannot be told.

    CLI Example:

    .. code-block:: bash

        salt ctl1 openstack_ha_turn.evidence
    """
    seen = _seen()
    return {name: _said(name, facts, seen) for name, facts in services().items()}


def is_outdated(service):
    """
    Return whether a service runs with other files than are on the disk; one that does not run is
    not.

    service
        Its name, e.g. ``keystone``.

    CLI Example:

    .. code-block:: bash

        salt ctl1 openstack_ha_turn.is_outdated keystone
    """
    return _is_running(_facts(service)) and _has_older_files(service)


def drain(service):
    """
    Have a service say that it does not serve, so that HAProxy sends it no more work.

    service
        Its name.

    Returns an empty mapping.

    Raises CommandExecutionError when a person has taken it out of service.

    CLI Example:

    .. code-block:: bash

        salt ctl1 openstack_ha_turn.drain keystone
    """
    path = _maintenance(service)
    if path.exists() and path.read_text(encoding="utf-8") != MARK:
        raise CommandExecutionError(
            f"{service} on {__opts__['id']} was taken out of service by {path}; nothing was done"
        )
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    path.write_text(MARK, encoding="utf-8")
    return {}


def renew(service):
    """
    Restart a service with what is on the disk, and wait until its unit runs.

    service
        Its name.

    Returns ``{"is_outdated": bool}`` after it.

    Raises CommandExecutionError when it does not start.

    CLI Example:

    .. code-block:: bash

        salt ctl1 openstack_ha_turn.renew keystone
    """
    unit = _facts(service)["unit"]
    argv = ["systemctl", "restart", unit]
    result = __salt__["cmd.run_all"](argv, python_shell=False, timeout=RESTART_TIMEOUT)
    if result["retcode"]:
        raise CommandExecutionError(
            f"{service} on {__opts__['id']} did not start with its new configuration, and stays "
            f"out of service: `journalctl --unit={unit} --lines=30` there has its log"
        )
    return {"is_outdated": is_outdated(service)}


def readmit(service):
    """
    Have a service say again that it serves.

    service
        Its name.

    Returns an empty mapping.

    CLI Example:

    .. code-block:: bash

        salt ctl1 openstack_ha_turn.readmit keystone
    """
    _maintenance(service).unlink(missing_ok=True)
    return {}


def _said(service, facts, seen):
    path = _maintenance(service)
    try:
        text, age = path.read_text(encoding="utf-8"), time.time() - path.stat().st_mtime
    except FileNotFoundError:
        text, age = None, None
    is_drained, is_running = text == MARK, _is_running(facts)
    return {
        "is_running": is_running,
        "is_outdated": is_running and _has_older_files(service),
        "is_drained": is_drained,
        "is_away": text is not None and not is_drained,
        # A clock that was set tells nothing.
        "drained_for": max(age, 0) if is_drained else None,
        "patience": facts["patience"],
        "seen": None if seen is None else seen.get(service, {}),
    }


def _seen():
    """What this node's HAProxy sees, by back end and server; None where it does not answer."""
    try:
        rows = __salt__["openstack_ha_haproxy.status"]()
    except CommandExecutionError:
        return None
    found = {}
    for row in rows:
        if row["kind"] == "server":
            one = {"serves": row["serving"], "sessions": row["sessions"]}
            found.setdefault(row["proxy"], {})[row["name"]] = one
    return found


def _facts(service):
    try:
        return services()[service]
    except KeyError:
        raise CommandExecutionError(
            f"{service!r} has no turns on {__opts__['id']}; these have: {', '.join(services())}"
        ) from None


def _is_running(facts):
    argv = ["systemctl", "is-active", "--quiet", facts["unit"]]
    return not __salt__["cmd.retcode"](argv, python_shell=False, ignore_retcode=True)


def _maintenance(service):
    return MAINTENANCE / f"{service}.maintenance"


def _has_older_files(service):
    known = _on_disk(service)
    return known is not None and _started_with(service) != known


def _started_with(service):
    try:
        return (STARTED / service).read_text(encoding="utf-8").split()[0]
    except (FileNotFoundError, IndexError):
        return None


def _on_disk(service):
    """As the program does that the unit runs before its start; None before it is configured."""
    digest = hashlib.sha256()
    try:
        paths = (FILES / service).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return None
    for path in paths:
        if path and os.path.exists(path):
            digest.update(pathlib.Path(path).read_bytes())
    return digest.hexdigest()
