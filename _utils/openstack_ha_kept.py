"""
Where the master keeps what it knows of a cluster file, in its cache and for its owner alone.
"""

import hashlib
import pathlib


def path(cachedir, file, what):
    """
    Return where something is kept of a cluster file.

    cachedir
        The master's ``cachedir``.

    file
        Path of the cluster file.

    what
        A name for it, as ``guards.json``.
    """
    name = hashlib.sha256(file.encode()).hexdigest()[:16]
    return pathlib.Path(cachedir, "openstack_ha", "files", f"{name}.{what}")
