"""
States of a service that is renewed when it is its turn.
"""

from salt.exceptions import CommandExecutionError

__virtualname__ = "openstack_ha_turn"


def __virtual__():
    return __virtualname__


def renewed(name, cluster, patience=900):
    """
    The service runs with what is on the disk.

    All nodes may apply this at the same time. The master renews one after another: the state rings
    ``openstack_ha/<cluster>/turn/doorbell`` and waits for its turn.

    name
        The service, e.g. ``keystone``.

    cluster
        The cluster's name.

    patience
        Seconds to wait for the turn.
    """
    ret = {"name": name, "result": True, "changes": {}, "comment": "It runs with what is there."}
    try:
        if not __salt__["openstack_ha_turn.is_outdated"](name):
            return ret
        ret["changes"] = {name: {"old": "an older configuration", "new": "renewed"}}
        if __opts__["test"]:
            return {**ret, "result": None, "comment": f"{name} would be renewed in its turn."}
        refusal = __salt__["openstack_ha_word.wait"](
            cluster, f"turn.{name}", lambda: __salt__["openstack_ha_turn.lacking"](name), patience
        )
    except CommandExecutionError as exc:
        refusal = str(exc)
    if refusal:
        return {**ret, "result": False, "changes": {}, "comment": refusal}
    return {**ret, "comment": f"{name} was renewed in its turn."}


def mod_watch(name, sfun=None, **kwargs):
    """
    Say in test mode that a file which would change asks for a turn.

    name
        As for ``renewed``.

    sfun
        The state's function.

    Outside of test mode ``renewed`` has done its work already.
    """
    ret = {"name": name, "result": True, "changes": {}, "comment": "It runs with what is there."}
    if sfun != "renewed" or not __opts__["test"]:
        return ret
    if not __salt__["openstack_ha_turn.is_running"](name):
        return {**ret, "comment": f"{name} does not run; its start reads what is there."}
    ret["changes"] = {name: {"old": "running", "new": "renewed"}}
    return {**ret, "result": None, "comment": f"{name} would be renewed in its turn."}
