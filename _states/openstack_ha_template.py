"""
Files on this node of which some lines have secrets.
"""

import pathlib
import tempfile

__virtualname__ = "openstack_ha_template"

# Of what Salt's own state says of a file whose changes are not to be shown.
DIFF = "diff"


def __virtual__():
    return __virtualname__


def written(name, source, context, group="root", tried_by=None):
    """
    A file is what a template gives, and nobody but root and a group reads it. What changes is told
    line by line, in test mode too, without the lines that have a secret or may have one.

    name
        The file's path.

    source
        The template, in Jinja, e.g. ``salt://openstack_ha/haproxy/files/haproxy.cfg.jinja``.

    context
        The template's variables, without any secret: it asks ``openstack_ha.secret``.

    group
        The group that reads it.

    tried_by
        A command that is given the path of a new file, and fails where the service could not read
        it; the old file stays then.

    Salt's own ``file.managed`` shows all of a file or nothing.
    """
    before = _text(name)
    done = __states__["file.managed"](
        name,
        source=source,
        template="jinja",
        context=context,
        user="root",
        group=group,
        mode="0600" if group == "root" else "0640",
        check_cmd=tried_by,
        show_changes=False,
    )
    if before is None or DIFF not in done["changes"]:
        return done
    after = _rendered(source, context) if __opts__["test"] else _text(name)
    if after is None:
        return done
    told = __utils__["openstack_ha_hidden.diff"](before, after)
    return {**done, "changes": {**done["changes"], DIFF: told}}


def _rendered(source, context):
    """Where nobody else reads it, and nothing logs it, as Salt's renderers do."""
    with tempfile.TemporaryDirectory() as folder:
        path = str(pathlib.Path(folder, "rendered"))
        __salt__["cp.get_template"](source, path, saltenv=__env__, context=context)
        return _text(path)


def _text(path):
    """What is there, None where there is nothing; of what is no text the rest can be compared."""
    try:
        return pathlib.Path(path).read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return None
