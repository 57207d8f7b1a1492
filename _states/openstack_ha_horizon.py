"""
States of Horizon.
"""

from salt.exceptions import CommandExecutionError

__virtualname__ = "openstack_ha_horizon"


def __virtual__():
    return __virtualname__


def static(name, made_of, program, sources):
    """
    The static files are those of this version, with the site's logo; nothing is made that is there.

    name
        The folder from which they are served.

    made_of
        The file that keeps what they were made of, as a digest.

    program
        Horizon's manage.py.

    sources
        Paths that they follow from, beside the pillar: lists of packages' files, folders of
        plugins.
    """
    ret = {"name": name, "result": True, "changes": {}}
    try:
        found = __salt__["openstack_ha_horizon.static"](name, made_of, sources)
        if found["is"] == found["should"]:
            return {**ret, "comment": "The static files are those of this version."}
        changes = {"static files": {"old": found["is"], "new": found["should"]}}
        if __opts__["test"]:
            comment = "The static files of this version would be made."
            return {**ret, "result": None, "changes": changes, "comment": comment}
        made = __salt__["openstack_ha_horizon.make_static"](name, made_of, program, sources)
    except CommandExecutionError as exc:
        return {**ret, "result": False, "comment": str(exc)}
    if made["is"] != made["should"]:
        return {**ret, "result": False, "comment": f"{name} has changed while it was made."}
    return {**ret, "changes": changes, "comment": "The static files of this version were made."}
