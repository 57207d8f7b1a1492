"""
keepalived of this controller: whom it knows, and whether the master has let it start.
"""

import pathlib

__virtualname__ = "openstack_ha_keepalived"

CONFIG = pathlib.Path("/etc/keepalived/keepalived.conf")
# The master's word; without it the unit starts nothing, whoever wants it to. Lost with the node: a
# rebuilt one asks again.
CONFIRMED = pathlib.Path("/var/lib/openstack_ha/keepalived-confirmed")
SERVICE = "keepalived"


def __virtual__():
    return __virtualname__


def confirmation():
    """
    Return the path of the file without which keepalived's unit does not start.

    CLI Example:

    .. code-block:: bash

        salt ctl1 openstack_ha_keepalived.confirmation
    """
    return str(CONFIRMED)


def evidence():
    """
    Return what the master decides by; ``openstack_ha_keepalived_rule`` of the utils explains it.

    Raises CommandExecutionError when something cannot be told.

    CLI Example:

    .. code-block:: bash

        salt ctl1 openstack_ha_keepalived.evidence
    """
    is_running = __salt__["openstack_ha_turn.is_running"](SERVICE)
    is_older = is_running and __salt__["openstack_ha_turn.is_outdated"](SERVICE)
    return {
        "is_ready": CONFIG.exists(),
        "is_running": is_running,
        "knows": None if is_older else _peers(),
        "is_confirmed": CONFIRMED.exists(),
    }


def lacking():
    """
    Return as a clause what keeps this controller's keepalived from being started, None when the
    master has let it start.

    CLI Example:

    .. code-block:: bash

        salt ctl1 openstack_ha_keepalived.lacking
    """
    if CONFIRMED.exists():
        return None
    return "not all that may hold the VIP are known to know this one"


def confirm():
    """
    Keep that keepalived may start, for the state that waits for it and for its unit; the master's
    word only.

    Returns ``{"is_confirmed": True}``.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha_coordinator.plan demo keepalived
    """
    CONFIRMED.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    CONFIRMED.touch()
    return {"is_confirmed": True}


def withdraw():
    """
    Forget that keepalived may start: who has left asks before it comes back.

    Returns ``{"is_confirmed": False}``.

    CLI Example:

    .. code-block:: bash

        salt ctl3 openstack_ha_keepalived.withdraw
    """
    CONFIRMED.unlink(missing_ok=True)
    return {"is_confirmed": False}


def _peers():
    try:
        text = CONFIG.read_text(encoding="utf-8")
    except FileNotFoundError:
        return []
    return __utils__["openstack_ha_keepalived.peers"](text)
