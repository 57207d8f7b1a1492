"""
The lighthouse of this node, and the steps of the master.
"""

import pathlib

from salt.exceptions import CommandExecutionError

__virtualname__ = "openstack_ha_lighthouse"

UNIT = pathlib.Path("/etc/systemd/system/openstack-ha-lighthouse@.service")
# One folder a node: `light` is what its daemon is to be started with, `log` has a line a start.
FOLDER = pathlib.Path("/var/lib/openstack-ha-lighthouse")
# What each daemon runs with; gone with it.
RUNNING = pathlib.Path("/run/openstack-ha-lighthouse")


def __virtual__():
    return __virtualname__


def evidence():
    """
    Return what the master decides by; ``openstack_ha_lighthouse_rule`` explains it.

    CLI Example:

    .. code-block:: bash

        salt ctl1 openstack_ha_lighthouse.evidence
    """
    log = _folder() / "log"
    return {
        "is_ready": UNIT.exists(),
        "light": light(),
        "log": len(log.read_text(encoding="utf-8").splitlines()) if log.exists() else 0,
    }


def light():
    """
    Return whose light this node's daemon runs with, None where none runs.

    CLI Example:

    .. code-block:: bash

        salt ctl1 openstack_ha_lighthouse.light
    """
    argv = ["systemctl", "is-active", "--quiet", _unit()]
    if __salt__["cmd.retcode"](argv, python_shell=False, ignore_retcode=True):
        return None
    return (RUNNING / __opts__["id"]).read_text(encoding="utf-8").strip()


def kindle():
    """
    Burn; the master's word only.

    Returns ``{"light": ..}`` as ``light`` does.

    Raises CommandExecutionError when the daemon does not start.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha_coordinator.plan demo lighthouse
    """
    return watch(__opts__["id"])


def watch(light):
    """
    Have the daemon watch a light; by the master's word, or a person's who ends a refusal.

    light
        The id of the node that burns.

    Returns ``{"light": ..}`` as ``light`` does.

    Raises CommandExecutionError when the daemon does not start.

    CLI Example:

    .. code-block:: bash

        salt ctl2 openstack_ha_lighthouse.watch ctl1
    """
    _folder().mkdir(mode=0o755, parents=True, exist_ok=True)
    (_folder() / "light").write_text(f"{light}\n", encoding="utf-8")
    result = __salt__["cmd.run_all"](["systemctl", "restart", _unit()], python_shell=False)
    if result["retcode"]:
        raise CommandExecutionError(
            f"the lighthouse of {__opts__['id']} does not start: "
            f"`journalctl --unit={_unit()} --lines=30` there has its log"
        )
    return {"light": light}


def _folder():
    return FOLDER / __opts__["id"]


def _unit():
    return f"openstack-ha-lighthouse@{__opts__['id']}.service"
