"""
keepalived of this controller: whom it knows, and whether the master has let it start.
"""

import json
import pathlib

import salt.utils.atomicfile

__virtualname__ = "openstack_ha_keepalived"

CONFIG = pathlib.Path("/etc/keepalived/keepalived.conf")
# The peers with which the master let it start. Lost with the node: a rebuilt one asks again.
CONFIRMED = pathlib.Path("/var/lib/openstack_ha/keepalived-confirmed")
SERVICE = "keepalived"


def __virtual__():
    return __virtualname__


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
        "confirmed": _confirmed(),
    }


def lacking():
    """
    Return as a clause what keeps this controller's keepalived from being started, None when it runs
    or the master has let it start with the peers that it has.

    Raises CommandExecutionError when that cannot be told.

    CLI Example:

    .. code-block:: bash

        salt ctl1 openstack_ha_keepalived.lacking
    """
    if _confirmed() == _peers() or __salt__["openstack_ha_turn.is_running"](SERVICE):
        return None
    return "not all that may hold the VIP are known to know this one"


def confirm(peers):
    """
    Keep that keepalived may start with these peers, for the state that waits for it; the master's
    word only.

    peers
        The addresses of its peers, sorted.

    Returns ``{"confirmed": [addresses]}``.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha_coordinator.plan demo keepalived
    """
    CONFIRMED.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    with salt.utils.atomicfile.atomic_open(str(CONFIRMED), "w") as handle:
        handle.write(json.dumps(peers))
    return {"confirmed": peers}


def withdraw():
    """
    Forget that keepalived may start: who has left asks before it comes back.

    Returns ``{"confirmed": None}``.

    CLI Example:

    .. code-block:: bash

        salt ctl3 openstack_ha_keepalived.withdraw
    """
    CONFIRMED.unlink(missing_ok=True)
    return {"confirmed": None}


def _peers():
    try:
        text = CONFIG.read_text(encoding="utf-8")
    except FileNotFoundError:
        return []
    return __utils__["openstack_ha_keepalived.peers"](text)


def _confirmed():
    try:
        return json.loads(CONFIRMED.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
