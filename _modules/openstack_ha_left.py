"""
Which controllers have left the cluster of a file, as the master has it on record.

The record outlives the node's lines in the file: a host that was dead when it left boots again some
day, and whoever names a new one as the old one is asked to let it join.
"""

import json
import time

import salt.utils.atomicfile
from salt.exceptions import CommandExecutionError

__virtualname__ = "openstack_ha_left"


def __virtual__():
    return __virtualname__


def nodes(path):
    """
    Return who has left, as ``{id: {"systems": [the parts that ran there], "at": seconds since the
    epoch, "is_stopped": whether they do not run any more}}``.

    path
        The cluster file.

    Raises CommandExecutionError when the record cannot be read.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha.cluster demo
    """
    kept = _kept(path)
    try:
        return json.loads(kept.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as exc:
        raise CommandExecutionError(
            f"{kept}: cannot be read ({exc}), so who has left the cluster is not known. Where "
            "nobody has, remove the file"
        ) from exc


def add(path, node, systems):
    """
    Put on record that a controller leaves; one that does already stays as it is.

    path
        The cluster file.

    node
        The controller's id.

    systems
        The parts of systems that run on it.

    Raises CommandExecutionError as ``nodes`` does.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha.leave demo ctl3 dry_run=False
    """
    found = nodes(path)
    if node not in found:
        entry = {"systems": list(systems), "at": time.time(), "is_stopped": False}
        _write(path, {**found, node: entry})


def stopped(path, node):
    """
    Put on record that what ran on a controller that has left runs no more.

    path, node
        As for ``add``.

    Raises CommandExecutionError as ``nodes`` does.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha.leave demo ctl3 dry_run=False
    """
    found = nodes(path)
    if node in found:
        _write(path, {**found, node: {**found[node], "is_stopped": True}})


def remove(path, node):
    """
    Forget that a controller has left.

    path, node
        As for ``add``.

    Returns whether it had.

    Raises CommandExecutionError as ``nodes`` does.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha.join demo ctl3
    """
    found = nodes(path)
    if node not in found:
        return False
    del found[node]
    _write(path, found)
    return True


def _kept(path):
    return __utils__["openstack_ha_kept.path"](__opts__["cachedir"], path, "left.json")


def _write(path, found):
    kept = _kept(path)
    kept.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with salt.utils.atomicfile.atomic_open(str(kept), "w") as handle:
        handle.write(json.dumps(found))
