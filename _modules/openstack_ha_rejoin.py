"""
Whether this node has been deployed, and whether it has come back since its boot.
"""

import os

__virtualname__ = "openstack_ha_rejoin"

# A whole highstate has succeeded here once.
DEPLOYED = "/var/lib/openstack_ha/deployed"
# All of the node's states have succeeded since its boot, which takes the file with it.
REJOINED = "/run/openstack_ha/rejoined"


def __virtual__():
    return __virtualname__


def marks():
    """
    Return the paths of the files by which this node remembers, as ``{deployed, rejoined}``.

    CLI Example:

    .. code-block:: bash

        salt-call openstack_ha_rejoin.marks
    """
    return {"deployed": DEPLOYED, "rejoined": REJOINED}


def status():
    """
    Return ``{"is_deployed": bool, "has_rejoined": bool, "is_applying": bool}``.

    The last one says that a state run, such as an operator's highstate, is at work here.

    CLI Example:

    .. code-block:: bash

        salt ctl1 openstack_ha_rejoin.status
    """
    return {
        "is_deployed": os.path.exists(DEPLOYED),
        "has_rejoined": os.path.exists(REJOINED),
        "is_applying": bool(__salt__["saltutil.is_running"]("state.*")),
    }


def finish():
    """
    Remember that this node has come back since its boot.

    Returns the status after it.

    CLI Example:

    .. code-block:: bash

        salt ctl1 openstack_ha_rejoin.finish
    """
    os.makedirs(os.path.dirname(REJOINED), mode=0o755, exist_ok=True)
    with open(REJOINED, "w", encoding="utf-8"):
        os.chmod(REJOINED, 0o644)
    return status()
