"""
Who did not answer the master when he had all the time: for a while he is asked like everybody, and
not waited for as long, so that an outage does not make each look last as long as a silence does.
"""

import json
import os
import pathlib

__virtualname__ = "openstack_ha_silence"

# Seconds after which a node has all the time once more.
LASTS = 60


def __init__(opts):
    __utils__["openstack_ha_command.guard"](globals())


def __virtual__():
    return __virtualname__


def known(nodes):
    """
    Return those of some nodes that have lately been silent, and not been heard since.

    nodes
        Minion ids.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha_silence.known '[ctl1, ctl2]'
    """
    now = __salt__["openstack_ha_lease.now"]()
    # What is later than now is of another boot.
    return [node for node in nodes if 0 <= now - _since(node) < LASTS]


def begin(nodes):
    """
    Keep that nodes were silent although they had all the time.

    nodes
        Minion ids.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha_silence.begin '[ctl1]'
    """
    for node in nodes:
        _path(node).parent.mkdir(parents=True, exist_ok=True)
        _path(node).write_text(json.dumps(__salt__["openstack_ha_lease.now"]()), encoding="ascii")


def end(nodes):
    """
    Forget that nodes were silent: they have been heard.

    nodes
        Minion ids.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha_silence.end '[ctl1]'
    """
    for node in nodes:
        _path(node).unlink(missing_ok=True)


def _since(node):
    """When it began; what is not there, or was cut while it was written, began never."""
    try:
        return json.loads(_path(node).read_text(encoding="ascii"))
    except (FileNotFoundError, ValueError):
        return float("-inf")


def _path(node):
    return pathlib.Path(__opts__["cachedir"], "openstack_ha", "silence", os.path.basename(node))
