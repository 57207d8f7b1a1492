"""
The configuration files of OpenStack's services on this node.
"""

from salt.exceptions import CommandExecutionError

__virtualname__ = "openstack_ha_options"

# Of what Salt's own state says of a file whose changes are not to be shown.
DIFF = "diff"


def __virtual__():
    return __virtualname__


def written(name, system, group, options, tried_by=None):
    """
    A file has these options and no others, and nobody but root and a group reads it. What changes
    is told by option, in test mode too, and without any secret.

    name
        The file's path.

    system
        The system whose file it is, for its first line.

    group
        The group that reads it.

    options
        ``{section: {key: value}}``, its values as the utils module ``openstack_ha_options`` has
        them. Or the name of a function that returns them: it is asked when the state runs, so it
        may ask what a state before it has installed.

    tried_by
        A command that is given the path of a new file, and fails where the service could not read
        it; the old file stays then.

    Salt's own ``file.managed`` shows all of a file or nothing.
    """
    ret = {"name": name, "result": False, "changes": {}}
    try:
        file = __salt__[options]() if isinstance(options, str) else options
        after = __utils__["openstack_ha_option_file.text"](
            system, file, __salt__["openstack_ha.secret"]
        )
        before = _text(name)
    except (CommandExecutionError, OSError) as exc:
        return {**ret, "comment": str(exc)}
    done = __states__["file.managed"](
        name,
        contents=after,
        user="root",
        group=group,
        mode="0640",
        check_cmd=tried_by,
        show_changes=False,
    )
    if before is None or before == after or DIFF not in done["changes"]:
        return done
    told = __utils__["openstack_ha_option_file.changes"](before, after, file)
    others = {key: value for key, value in done["changes"].items() if key != DIFF}
    return {**done, "changes": {**others, **told}}


def _text(name):
    """What is on disk, None where there is nothing; of what is no text the rest can be compared."""
    try:
        with open(name, encoding="utf-8", errors="replace") as file:
            return file.read()
    except FileNotFoundError:
        return None
