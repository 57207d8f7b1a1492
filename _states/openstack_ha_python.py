"""
The Python that runs Salt, as the formula's modules need it.
"""

__virtualname__ = "openstack_ha_python"


def __virtual__():
    return __virtualname__


def satisfied(name, pkgs):
    """
    The Python of this minion has what the requirements ask for, by Salt's own ``pip.installed``.

    name
        Of the state; it means nothing.

    pkgs
        Requirements as pip writes them, e.g. ``netaddr>=1.0,<2``.

    Where all of them are there neither pip nor its state is asked: ``unless`` beside that state
    would have Salt look for ``pip.mod_run_check``, for which it loads every module that it has.
    """
    if __salt__["openstack_ha_python.satisfies"](pkgs):
        comment = "All of them are there."
        return {"name": name, "result": True, "changes": {}, "comment": comment}
    return __states__["pip.installed"](name, pkgs=pkgs)
