"""
Whether the units of this node run.
"""

import salt.utils.yaml
from salt.exceptions import CommandExecutionError

__virtualname__ = "openstack_ha_units"

SHOWN = "--property=Id,LoadState,ActiveState"


def __virtual__():
    return __virtualname__


def states():
    """
    Return the state of each unit that should run on this node, by the part of a system that it is
    of: ``{part: {unit: state}}`` with systemd's own words, or ``missing``.

    Raises CommandExecutionError when the names of units cannot be had from the master, or systemd
    does not answer.

    CLI Example:

    .. code-block:: bash

        salt ctl1 openstack_ha_units.states
    """
    view = __salt__["openstack_ha.view"]()
    return _shown(__utils__["openstack_ha_units.by_part"](_parameters(), view))


def of(parts):
    """
    Return the state of each unit of parts of systems that are not of storage, as ``states`` does,
    whether they should run on this node or not.

    parts
        Their names.

    Raises CommandExecutionError when there is no such part, and as ``states`` does.

    CLI Example:

    .. code-block:: bash

        salt ctl1 openstack_ha_units.of '[keepalived, haproxy]'
    """
    known = __utils__["openstack_ha_systems.parts"]()
    strange = [part for part in parts if part not in known]
    if strange:
        raise CommandExecutionError(
            f"{', '.join(strange)} is no part of a system; these are: {', '.join(known)}"
        )
    return _shown(__utils__["openstack_ha_units.of"](parts, _parameters()))


def _shown(parts):
    units = [unit for names in parts.values() for unit in names]
    if not units:
        return {}
    done = __salt__["cmd.run_all"](["systemctl", "show", SHOWN, *units], python_shell=False)
    if done["retcode"]:
        raise CommandExecutionError(f"systemctl show failed: {done['stderr']}")
    try:
        found = __utils__["openstack_ha_units.states"](done["stdout"], units)
    except ValueError as exc:
        raise CommandExecutionError(str(exc)) from exc
    return {part: {unit: found[unit] for unit in names} for part, names in parts.items()}


def _parameters():
    """The names of this release, from the same file as the states have them."""
    source = f"salt://openstack_ha/parameters/{__grains__['osfinger']}.yaml"
    text = __salt__["cp.get_file_str"](source, saltenv=__opts__.get("saltenv") or "base")
    if not text:
        raise CommandExecutionError(
            f"the master does not serve {source}: `salt-run fileserver.update`"
        )
    return salt.utils.yaml.safe_load(text)
