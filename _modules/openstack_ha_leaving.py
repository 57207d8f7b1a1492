"""
What a controller does that leaves its cluster, or asks of one that is silent.
"""

import contextlib
import os

from salt.exceptions import CommandExecutionError

__virtualname__ = "openstack_ha_leaving"

# Galera's, at which controllers let each other in.
PORT = 4567
# Seconds for a unit to stop; a database writes its pages, and is never killed for haste.
STOP_TIMEOUT = 900
STILL = ("inactive", "failed", "missing")


def __virtual__():
    return __virtualname__


def is_reached(node):
    """
    Return ``{"is_reached": bool}``: whether another controller's host answers this one, whatever
    its minion does.

    node
        The controller's id.

    Raises CommandExecutionError as ``openstack_ha.view`` does.

    CLI Example:

    .. code-block:: bash

        salt ctl1 openstack_ha_leaving.is_reached ctl3
    """
    address = __salt__["openstack_ha.view"]()["nodes"][node]["address"]
    return {"is_reached": __utils__["openstack_ha_knock.at"](address, PORT)["answers"]}


def stop(systems):
    """
    Stop and disable the units of parts of systems, in this order, so that no boot starts them.

    systems
        The parts' names. No view is asked for them: a node that has left has none.

    Nothing is removed: their data, and the secrets in their files, stay on the disk.

    Returns ``{"stopped": [units that ran]}``.

    Raises CommandExecutionError when a unit does not stop, or there is no such part.

    CLI Example:

    .. code-block:: bash

        salt ctl3 openstack_ha_leaving.stop '[keepalived, haproxy]'
    """
    # Nothing brings it back after a boot from now on.
    with contextlib.suppress(FileNotFoundError):
        os.unlink(__salt__["openstack_ha_rejoin.marks"]()["deployed"])
    __salt__["openstack_ha_keepalived.withdraw"]()
    found = __salt__["openstack_ha_units.of"](systems)
    for units in found.values():
        due = [unit for unit, state in units.items() if state != "missing"]
        if due:
            _systemctl("disable", *due)
            _systemctl("stop", *due)
    still = _running(__salt__["openstack_ha_units.of"](systems))
    if still:
        raise CommandExecutionError(
            f"{', '.join(still)} on {__opts__['id']} did not stop: "
            f"`systemctl status {still[0]}` there"
        )
    return {"stopped": _running(found)}


def _running(parts):
    return [unit for units in parts.values() for unit, state in units.items() if state not in STILL]


def _systemctl(verb, *units):
    done = __salt__["cmd.run_all"](
        ["systemctl", verb, *units], python_shell=False, timeout=STOP_TIMEOUT
    )
    if done["retcode"]:
        raise CommandExecutionError(
            f"systemctl {verb} {' '.join(units)} on {__opts__['id']}: {done['stderr']}"
        )
