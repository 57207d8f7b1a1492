"""
States of programs that come as released wheels.
"""

from salt.exceptions import CommandExecutionError

__virtualname__ = "openstack_ha_wheels"


def __virtual__():
    return __virtualname__


def built(name, requirements, folder, archives, corrections=()):
    """
    The archive of a set is there, on the host that builds it.

    name
        What the set is called, e.g. ``nova``.

    requirements
        All of them, those that others need too, pinned with hashes.

    folder
        Where the nodes will have it, e.g. ``/opt/openstack_ha/nova``.

    archives
        The folder of the archives; each has its digest beside it, as sha256sum writes it.

    corrections
        What is put right in it, each with its reason: ``{"file", "text", "replacement", "why"}``,
        the file from the folder of the libraries on. The text has to be there once.
    """
    ret = {"name": name, "result": True, "changes": {}, "comment": ""}
    arguments = (name, requirements, folder, archives, corrections)
    try:
        found = __salt__["openstack_ha_wheels.built"](*arguments)
        if found["sha256"]:
            return {**ret, "comment": f"{found['archive']} is there: {found['sha256']}."}
        ret["changes"] = {found["archive"]: {"old": None, "new": "built"}}
        if __opts__["test"]:
            return {**ret, "result": None, "comment": f"{found['archive']} would be built."}
        made = __salt__["openstack_ha_wheels.build"](*arguments)
    except CommandExecutionError as exc:
        return {**ret, "result": False, "changes": {}, "comment": str(exc)}
    return {**ret, "comment": f"{made['archive']} was built: {made['sha256']}."}


def unpacked(name, label, wheels, built_by, release=None):
    """
    A set is the one in use, as the master has built it. Nothing is compiled here, nor asked of an
    index; the set before it stays, so the way back needs no archive.

    What runs goes on with the files that it has until it is started anew: ``current/.sha256`` says
    which set is in use, and belongs to what a unit was started with (``openstack_ha_turn``).

    name
        Where, e.g. ``/opt/openstack_ha/nova``; ``current`` in there is the one in use.

    label
        What the set is called, e.g. ``nova``.

    wheels
        ``{"requirements", "corrections"}`` as ``built`` has them; which release they make is
        worked out here.

    built_by
        The SLS that builds the set on the master, e.g. ``openstack_ha.nova.wheels``.

    release
        The name of the release to stay on, or to go back to; kept here, or served by the master.
    """
    ret = {"name": name, "result": True, "changes": {}}
    try:
        wanted = release or __salt__["openstack_ha_wheels.release"](
            label, wheels["requirements"], name, wheels["corrections"]
        )
        known = __salt__["openstack_ha_wheels.releases"](name)
        if known["current"] == wanted:
            return {**ret, "comment": f"{wanted} is in use."}
        ret["changes"] = {name: {"old": known["current"], "new": wanted}}
        if __opts__["test"]:
            return {**ret, "result": None, "comment": f"{wanted} would be taken into use."}
        if wanted not in known["kept"]:
            __salt__["openstack_ha_wheels.fetch"](label, wanted, name, _way_out(built_by, release))
        __salt__["openstack_ha_wheels.activate"](name, wanted)
    except CommandExecutionError as exc:
        return {**ret, "result": False, "changes": {}, "comment": str(exc)}
    return {**ret, "comment": f"{wanted} was taken into use."}


def _way_out(built_by, release):
    command = f"`salt-call --local --file-root=/srv/formulas/openstack_ha state.apply {built_by}`"
    if release is None:
        return f"{command} on the master builds it"
    return (
        f"the cluster file names it: name another one, or none, or let {command} on the master "
        "build it from the formula that had it"
    )
