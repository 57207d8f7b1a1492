"""
Services that are renewed one node at a time: whether this node's are outdated, and the steps.

What a service was started with is a digest of its files, which its unit leaves at each start and
reload; so a run that was cut off between a file and a restart is found by the next one. A service
of several units has such a digest for each of them; those that differ are renewed together.

A service that HAProxy does not look at says of itself how it is, where its module
``openstack_ha_<service>_turn``, with an underscore for a dot, has these functions, none of which
takes arguments:

    serves    whether it serves; else it does while its unit runs
    obstacle  why it cannot be taken away now, as a clause, None when it can
    drain     ends what it has begun, beyond the mark that its health check hears
    revive    takes that back
"""

import hashlib
import os
import pathlib
import time

from salt.exceptions import CommandExecutionError

__virtualname__ = "openstack_ha_turn"

# One file a service, or ``<service>.<unit>`` where it has several: the paths of what only a start
# reads, a line that begins with MARKER, and those of what a reload reads, too.
FILES = pathlib.Path("/etc/openstack_ha/turns")
MARKER = "#"
# What each runs with, a digest of the former and one of the latter; gone with the boot.
STARTED = pathlib.Path("/run/openstack_ha/started")
# While it exists, the service's own health check says that it does not serve.
MAINTENANCE = pathlib.Path("/run/openstack-ha-health")
# What stands in there when it is the master's doing, and no person's.
MARK = "openstack_ha_turn\n"
# A broker of RabbitMQ takes its time on a busy host.
RESTART_TIMEOUT = 600
SHOWN = "--property=ActiveState,StateChangeTimestampMonotonic"


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
    seen, holds_vip = _seen(), __salt__["openstack_ha.holds_vip"]()
    return {
        name: {**_said(name, facts, seen), "holds_vip": holds_vip}
        for name, facts in services().items()
    }


def is_running(service):
    """
    Return whether a service runs, all of its units.

    service
        Its name, e.g. ``keystone``.

    CLI Example:

    .. code-block:: bash

        salt ctl1 openstack_ha_turn.is_running keystone
    """
    return _look(service, _facts(service))["is_running"]


def is_outdated(service):
    """
    Return whether a service, or a unit of it, runs with other files than are on the disk; what does
    not run is not.

    service
        Its name, e.g. ``keystone``.

    CLI Example:

    .. code-block:: bash

        salt ctl1 openstack_ha_turn.is_outdated keystone
    """
    return bool(_look(service, _facts(service))["outdated"])


def lacking(service):
    """
    Return as a clause what of a turn is still to come, None when the service runs with what is on
    the disk and serves again.

    service
        Its name.

    CLI Example:

    .. code-block:: bash

        salt ctl1 openstack_ha_turn.lacking keystone
    """
    facts = _facts(service)
    own = _look(service, facts)
    if not own["is_running"]:
        return f"{service} does not run"
    if own["outdated"]:
        return f"{service} runs with an older configuration"
    mark, _ = _mark(_maintenance(service, facts))
    return f"{service} is drained" if mark == MARK else None


def drain(service):
    """
    Have a service say that it does not serve, so that HAProxy sends it no more work.

    service
        Its name.

    Returns an empty mapping.

    Raises CommandExecutionError when a person has taken it out of service, or it cannot be drained;
    it serves again then.

    CLI Example:

    .. code-block:: bash

        salt ctl1 openstack_ha_turn.drain keystone
    """
    path = _maintenance(service, _facts(service))
    if _mark(path)[0] not in (None, MARK):
        raise CommandExecutionError(
            f"{service} on {__opts__['id']} was taken out of service by {path}; nothing was done"
        )
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    path.write_text(MARK, encoding="utf-8")
    try:
        _own(service, "drain", None)
    except CommandExecutionError:
        readmit(service)
        raise
    return {}


def renew(service):
    """
    Have a service take what is on the disk, by a reload where that is enough, and wait until its
    units run. Of several units those are renewed that are outdated or do not run; all of them where
    none is.

    service
        Its name.

    Returns ``{"is_outdated": bool}`` after it.

    Raises CommandExecutionError when it does not start.

    CLI Example:

    .. code-block:: bash

        salt ctl1 openstack_ha_turn.renew keystone
    """
    facts = _facts(service)
    own = _look(service, facts)
    due, by_verb = [*own["outdated"], *own["stopped"]], {}
    for name, unit in own["units"].items():
        if name in due or not due:
            # Of several units some have no reload.
            verb = "reload-or-restart" if _takes_reload(name, facts) else "restart"
            by_verb.setdefault(verb, []).append(unit)
    # The unit may be what is new.
    _systemctl("daemon-reload")
    for verb, units in by_verb.items():
        if _systemctl(verb, *units)["retcode"]:
            logs = " ".join(f"--unit={unit}" for unit in units)
            raise CommandExecutionError(
                f"{service} on {__opts__['id']} did not {verb} with its new configuration: "
                f"`journalctl {logs} --lines=30` there has its log"
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
    _own(service, "revive", None)
    _maintenance(service, _facts(service)).unlink(missing_ok=True)
    return {}


def _said(service, facts, seen):
    mark, age = _mark(_maintenance(service, facts))
    own = _look(service, facts)
    runs, outdated = own["is_running"], own["outdated"]
    is_partly = len(own["stopped"]) < len(own["units"])
    is_drained, has_older = mark == MARK, bool(outdated)
    row = facts.get("row")
    return {
        "is_configured": any(_on_disk(name) is not None for name in own["units"]),
        "is_running": runs,
        "is_outdated": has_older,
        "takes_reload": has_older and all(_takes_reload(name, facts) for name in outdated),
        "unchanged_for": own["unchanged_for"],
        "is_drained": is_drained,
        "is_away": mark is not None and not is_drained,
        "drained_for": age if is_drained else None,
        "patience": facts["patience"],
        "obstacle": _own(service, "obstacle", None) if has_older and not is_drained else None,
        "serves": None if row else is_partly and _own(service, "serves", runs),
        "seen": seen.get(row, {}) if row and seen is not None else None,
    }


def _own(service, function, default):
    """What a service's own module says or does about it, where that has such a function."""
    name = f"openstack_ha_{service.replace('.', '_')}_turn.{function}"
    return __salt__[name]() if name in __salt__ else default


def _mark(path):
    """Who has taken a service out, as the text of its mark, and for how many seconds it is there;
    None for both when nobody has."""
    try:
        text, age = path.read_text(encoding="utf-8"), time.time() - path.stat().st_mtime
    except FileNotFoundError:
        return None, None
    # A clock that was set tells nothing.
    return text, max(age, 0)


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


def _maintenance(service, facts):
    # Under the name that its health check knows.
    return MAINTENANCE / f"{facts.get('row', service)}.maintenance"


def _look(service, facts):
    """
    A service's units by the name under which each leaves what it was started with, which of them
    do not run, which run and are outdated, and for how many seconds none of them has changed.
    """
    units = _units(service, facts)
    runs_for = _unchanged_for(units.values())
    running = [name for name, unit in units.items() if unit in runs_for]
    return {
        "units": units,
        "stopped": [name for name in units if name not in running],
        "is_running": bool(running) and len(running) == len(units),
        "outdated": [name for name in running if _differs(name)["is_outdated"]],
        "unchanged_for": min(runs_for.values(), default=None),
    }


def _units(service, facts):
    if "unit" in facts:
        return {service: facts["unit"]}
    # As its states have listed them.
    start = f"{service}."
    return {path.name: path.name.removeprefix(start) for path in sorted(FILES.glob(f"{start}*"))}


def _unchanged_for(units):
    """For how many seconds each unit that runs has been as it is."""
    units = list(units)
    if not units:
        return {}
    done = _systemctl("show", SHOWN, *units)
    if done["retcode"]:
        raise CommandExecutionError(f"systemctl show failed: {done['stderr']}")
    of_units = __utils__["openstack_ha_units.unchanged_for"]
    try:
        return of_units(done["stdout"], units, time.monotonic())
    except ValueError as exc:
        raise CommandExecutionError(str(exc)) from exc


def _systemctl(*words):
    argv = ["systemctl", *words]
    return __salt__["cmd.run_all"](argv, python_shell=False, timeout=RESTART_TIMEOUT)


def _takes_reload(name, facts):
    return facts.get("reloads", False) and not _differs(name)["needs_start"]


def _differs(name):
    """How what is on the disk differs from that with which a unit runs; before it is configured it
    does not."""
    known, before = _on_disk(name), _started_with(name)
    return {
        "is_outdated": known is not None and before != known,
        "needs_start": known is not None and before[:1] != known[:1],
    }


def _started_with(name):
    try:
        return (STARTED / name).read_text(encoding="utf-8").split()
    except FileNotFoundError:
        return []


def _on_disk(name):
    """As the program does that the unit runs before its start; None before it is configured."""
    try:
        listed = (FILES / name).read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    paths = listed.splitlines()
    end = next((at for at, path in enumerate(paths) if path.startswith(MARKER)), len(paths))
    return [_digest(paths[:end]), _digest(paths[end + 1 :])]


def _digest(paths):
    digest = hashlib.sha256()
    for path in paths:
        if os.path.exists(path):
            digest.update(pathlib.Path(path).read_bytes())
    return digest.hexdigest()
