"""
States of a salt-master's own host, before and after it gets the formula's configuration.
"""

import collections

from salt.exceptions import CommandExecutionError

__virtualname__ = "openstack_ha_preflight"


def __virtual__():
    return __virtualname__


def nothing_lost(name, source, context):
    """
    No other file's configuration would be lost by the formula's, nor the formula's by another's.

    name
        The formula's file in ``master.d``.

    source
        Its template.

    context
        What the template needs.

    It is refused before anything is written, with the file, the key and where to move it.
    """
    text = __salt__["slsutil.renderer"](source, default_renderer="jinja", **context)
    lines = __salt__["openstack_ha_preflight.lost"](name, str(text))
    comment = "Nothing of the master's configuration would be lost."
    if lines:
        comment = "\n".join(["Nothing was written, since the master would lose by it:", *lines])
    return {"name": name, "result": not lines, "changes": {}, "comment": comment}


def modules_synced(name):
    """
    The master has the formula's modules as they are in this run: runners, external pillar and what
    they need, before it starts with a configuration that names them.

    name
        Of the state; it means nothing.
    """
    ret = {"name": name, "result": True, "changes": {}, "comment": ""}
    try:
        older = __salt__["openstack_ha_preflight.outdated"]()
        if not older:
            return {**ret, "comment": "The master has the modules of this run."}
        # By kind: the first time there are hundreds.
        changes = dict(collections.Counter(one.partition("/")[0] for one in older))
        if __opts__["test"]:
            comment = f"The master would get {len(older)} modules."
            return {**ret, "result": None, "changes": changes, "comment": comment}
        __salt__["openstack_ha_preflight.sync"]()
    except CommandExecutionError as exc:
        return {**ret, "result": False, "comment": str(exc)}
    return {**ret, "changes": changes, "comment": f"The master got {len(older)} modules."}


def folder(name, default):
    """
    The master has a folder of its own, readable for its user alone.

    name
        The master's option that names the folder.

    default
        The folder where the option names none.
    """
    place = __salt__["openstack_ha_preflight.folder"](name, default)
    ret = __states__["file.directory"](
        place["path"], user=place["user"], mode="0700", makedirs=True
    )
    return {**ret, "name": name}


def minions_known(name):
    """
    Say, as warnings, what keeps the master from the nodes of its cluster files: keys that wait, ids
    that are in no file, addresses and interfaces that a node has not. Nothing is refused for it,
    since nodes come after their master.

    name
        Of the state; it means nothing.
    """
    found = __salt__["openstack_ha_preflight.minions"]()
    lines = [f"{path}: {line}" for path, lines in found.items() for line in lines]
    comment = "The master can reach every node."
    if not found:
        comment = "No cluster file can be read: `salt-run openstack_ha.check` says why."
    elif lines:
        comment = "There is something to do about the nodes; `salt-run openstack_ha.check` says it."
    ret = {"name": name, "result": True, "changes": {}, "comment": comment}
    return {**ret, "warnings": lines} if lines else ret
