"""
Which cluster file a node has applied, and on the master, what each of them said.

Each view has the version of the cluster that it was made of; the last state of a highstate leaves
it on the node. The master keeps what it has handed out by that version, without secrets: what a
file says follows from its renderers and from the formula's defaults, too, so a copy of its text
would be read otherwise today.
"""

import contextlib
import json
import os
import pathlib
import re
import secrets
import tempfile

__virtualname__ = "openstack_ha_applied"

# On a node, the version.
PATH = "/var/lib/openstack_ha/applied"
# Of each cluster; who has been without a highstate for longer cannot be compared.
KEPT = 100
KEY_BYTES = 32
VERSION = re.compile(r"[0-9a-f]{16}")


def __virtual__():
    return __virtualname__


def path():
    """
    Return the path of the file by which this node remembers what it has applied.

    CLI Example:

    .. code-block:: bash

        salt-call openstack_ha_applied.path
    """
    return PATH


def last():
    """
    Return ``{"version": text}`` of the cluster file by which this node had its last whole
    highstate; the text is empty when it has had none.

    CLI Example:

    .. code-block:: bash

        salt ctl1 openstack_ha_applied.last
    """
    try:
        return {"version": pathlib.Path(PATH).read_text(encoding="utf-8").strip()}
    except FileNotFoundError:
        return {"version": ""}


def hand_out(cluster):
    """
    Keep on the master what a cluster file says, for the nodes that are about to apply it.

    cluster
        As ``openstack_ha_cluster.current`` returns it. For the external pillar: on the command line
        there is no such cluster to give.

    Returns its version.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha.diff demo
    """
    key = _key()
    name = __utils__["openstack_ha_masked.name_of"](cluster, key)
    kept = _folder(cluster["name"]) / f"{name}.json"
    if kept.exists():
        # The last that was handed out is the last that goes.
        os.utime(kept)
        return name
    found = __utils__["openstack_ha_masked.masked"](cluster, key)
    with _made(kept.parent) as made:
        made.write(json.dumps(found).encode())
    os.rename(made.name, kept)
    for old in sorted(kept.parent.glob("*.json"), key=lambda one: one.stat().st_mtime)[:-KEPT]:
        old.unlink(missing_ok=True)
    return name


def difference(path, said):
    """
    Return on the master what applying a cluster file would mean, as ``assess`` in the utils module
    ``openstack_ha_difference`` describes it; no secret is in there.

    path
        The file.

    said
        What nodes returned of ``last``, by node; of one that failed its error's text.

    Raises CommandExecutionError with every fault of the file.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha.diff demo
    """
    cluster = __salt__["openstack_ha_cluster.load"](path)
    folder = _folder(cluster["name"])
    applied = {
        node: one["version"] if isinstance(one, dict) else None for node, one in said.items()
    }
    before = {one: _kept(folder, one) for one in set(applied.values()) if one}
    now = __utils__["openstack_ha_masked.masked"](cluster, _key())
    data = __utils__["openstack_ha_difference.assess"](now, before, applied)
    # The reason of one that failed says more than its silence.
    errors = {node: one for node, one in said.items() if isinstance(one, str)}
    return {**data, "unknown": {**data["unknown"], **errors}}


def _kept(folder, name):
    """What was handed out under a version, None when it is not kept; nodes say any text."""
    if not VERSION.fullmatch(name):
        return None
    try:
        return json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None


def _folder(name=""):
    return pathlib.Path(__opts__["cachedir"], "openstack_ha", "handed_out", name)


def _key():
    """What the marks of secrets are made with; it never leaves the master."""
    path = _folder() / "key"
    if not path.exists():
        with _made(path.parent) as made:
            made.write(secrets.token_bytes(KEY_BYTES))
            made.flush()
            # Another process may be the first one.
            with contextlib.suppress(FileExistsError):
                os.link(made.name, path)
            os.unlink(made.name)
    return path.read_bytes()


def _made(folder):
    """A new file, readable for its owner only."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return tempfile.NamedTemporaryFile(dir=folder, delete=False)
