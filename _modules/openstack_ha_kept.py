"""
What the master keeps of a cluster file, in its cache and for its owner alone.
"""

import hashlib
import os
import pathlib
import tempfile

__virtualname__ = "openstack_ha_kept"


def __virtual__():
    return __virtualname__


def path(file, what):
    """
    Return where something is kept of a cluster file.

    file
        Path of the cluster file.

    what
        A name for it, as ``guards.json``.

    CLI Example:

    .. code-block:: bash

        salt-call --local openstack_ha_kept.path /srv/openstack_ha/cluster.yaml guards.json
    """
    name = hashlib.sha256(file.encode()).hexdigest()[:16]
    return str(pathlib.Path(__opts__["cachedir"], "openstack_ha", "files", f"{name}.{what}"))


def write(file, what, text):
    """
    Replace what is kept as a whole, readable for its owner only.

    file, what
        As for ``path``.

    text
        Its content.

    CLI Example:

    .. code-block:: bash

        salt-call --local openstack_ha_kept.write /srv/openstack_ha/cluster.yaml left.json '{}'
    """
    kept = pathlib.Path(path(file, what))
    kept.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Made for its owner only.
    with tempfile.NamedTemporaryFile("w", dir=kept.parent, delete=False, encoding="utf-8") as made:
        made.write(text)
    os.rename(made.name, kept)
