"""
What this node remembers of that which a highstate cannot change (``openstack_ha_guard`` of the
utils has the table).
"""

import json
import os
import tempfile

from salt.exceptions import CommandExecutionError

__virtualname__ = "openstack_ha_guard"

MEMORY = "/var/lib/openstack_ha/guards.json"


def __virtual__():
    return __virtualname__


def objections():
    """
    Return why the pillar must not be applied to this node, a line for each value that is another
    one than the node runs with.

    Raises CommandExecutionError when what is remembered, or swift.conf, cannot be read, and as
    ``openstack_ha.view`` does.

    CLI Example:

    .. code-block:: bash

        salt ctl1 openstack_ha_guard.objections
    """
    view = _view()
    systems = __utils__["openstack_ha_cluster.systems"](view, view["self"]["id"])
    lines = []
    for known in (_remembered(), *_witnesses(systems)):
        lines += __utils__["openstack_ha_guard.objections"](known, view, _secret, systems)
    # What two say counts once.
    return list(dict.fromkeys(lines))


def pending(part):
    """
    Return what this node does not remember yet of a part that runs with the pillar, as ``{path:
    {"old", "new"}}`` and without secrets.

    part
        A part of a system, e.g. ``galera``; ``swift`` is what all of Swift's have.

    Raises CommandExecutionError as ``objections`` does.

    CLI Example:

    .. code-block:: bash

        salt ctl1 openstack_ha_guard.pending galera
    """
    before = _remembered()
    return __utils__["openstack_ha_guard.changes"](before, _with(before, part))


def remember(part):
    """
    Remember what a part runs with. From then on another value is refused.

    part
        As for ``pending``.

    Raises CommandExecutionError where the pillar must not be applied, and as ``objections`` does.

    CLI Example:

    .. code-block:: bash

        salt ctl1 openstack_ha_guard.remember galera
    """
    lines = objections()
    if lines:
        raise CommandExecutionError("\n".join(lines))
    _keep(_with(_remembered(), part))


def memory():
    """
    Return what this node remembers, as ``{path: {"value": ..}}``, or ``{path: {"salt", "digest"}}``
    of a secret.

    Raises CommandExecutionError when it cannot be read.

    CLI Example:

    .. code-block:: bash

        salt ctl1 openstack_ha_guard.memory
    """
    return _remembered()


def forget(path):
    """
    Forget a value, so that the next highstate may bring another one: on this node alone. ``salt-run
    openstack_ha_guard.forget`` does it on all nodes and on the master.

    path
        Of the value, below ``openstack_ha``: ``vip:address``.

    Returns ``{"forgotten": whether it was remembered}``.

    Raises CommandExecutionError when nothing of that path is guarded, or what is remembered cannot
    be read.

    CLI Example:

    .. code-block:: bash

        salt ctl1 openstack_ha_guard.forget vip:address
    """
    if not __utils__["openstack_ha_guard.is_guarded"](path):
        known = ", ".join(__utils__["openstack_ha_guard.paths"]())
        raise CommandExecutionError(f"{path!r} is not guarded; guarded are {known}")
    found = _remembered()
    is_known = found.pop(path, None) is not None
    if is_known:
        _keep(found)
    return {"forgotten": is_known}


def _with(before, part):
    return __utils__["openstack_ha_guard.remembered"](before, _view(), _secret, [part])


def _witnesses(systems):
    """What the node's own files say, should the memory be lost."""
    if any(system.startswith("swift.") for system in systems):
        yield __salt__["openstack_ha_swift_conf.identity"]()


def _remembered():
    try:
        with open(MEMORY, encoding="utf-8") as file:
            found = json.load(file)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as exc:
        raise CommandExecutionError(_unreadable(exc)) from exc
    if not __utils__["openstack_ha_guard.is_memory"](found):
        raise CommandExecutionError(_unreadable("it has another form"))
    return found


def _unreadable(why):
    return (
        f"{MEMORY}: cannot be read ({why}), so whether the cluster file says what this node runs "
        "with is not known. Where it does, remove the file, and the next highstate writes it anew"
    )


def _keep(found):
    """Replace the memory as a whole; mkstemp makes it for its owner alone."""
    folder = os.path.dirname(MEMORY)
    os.makedirs(folder, exist_ok=True)
    handle, fresh = tempfile.mkstemp(dir=folder)
    with open(handle, "w", encoding="utf-8") as out:
        json.dump(found, out)
        out.flush()
        os.fsync(out.fileno())
    os.replace(fresh, MEMORY)


def _secret(path):
    return __salt__["openstack_ha.secret"](path)


def _view():
    return __salt__["openstack_ha.view"]()
