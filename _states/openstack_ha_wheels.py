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


def unpacked(name, source, sha256):
    """
    The set of an archive is the one in use. Nothing is compiled here, nor asked of an index; the
    set before it stays, so to go back is to name its archive again.

    What runs goes on with the files that it has until it is started anew: ``current/.sha256`` says
    which set is in use, and belongs to what a unit was started with (``openstack_ha_turn``).

    name
        Where, e.g. ``/opt/openstack_ha/nova``; ``current`` in there is the one in use.

    source
        The archive: a path, or a URL that Salt knows.

    sha256
        The archive's digest.
    """
    ret = {"name": name, "result": True, "changes": {}, "comment": f"{sha256} is in use."}
    known = __salt__["openstack_ha_wheels.releases"](name)
    if known["current"] == sha256:
        return ret
    ret["changes"] = {name: {"old": known["current"], "new": sha256}}
    if __opts__["test"]:
        return {**ret, "result": None, "comment": f"{sha256} would be taken into use."}
    try:
        if sha256 not in known["kept"]:
            __salt__["openstack_ha_wheels.unpack"](name, source, sha256)
        __salt__["openstack_ha_wheels.activate"](name, sha256)
    except CommandExecutionError as exc:
        return {**ret, "result": False, "changes": {}, "comment": str(exc)}
    return {**ret, "comment": f"{sha256} was taken into use."}
