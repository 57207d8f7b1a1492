"""
What the master keeps on its disk of a cluster's systems between two looks.
"""

import glob
import json
import os
import pathlib
import time

import salt.utils.atomicfile

__virtualname__ = "openstack_ha_record"


def __init__(opts):
    __utils__["openstack_ha_command.guard"](globals())


def __virtual__():
    return __virtualname__


def read(name):
    """
    Return a record; empty when there is none.

    name
        The cluster's name and the system's, e.g. ``demo.galera``.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha_record.read demo.galera
    """
    path = pathlib.Path(_path(name))
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def by_subject(cluster, system):
    """
    Return the records of a system by what they are about; "" is what is about all of it.

    cluster
        The cluster's name.

    system
        The system's.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha_record.by_subject demo db_sync
    """
    whole = f"{cluster}.{system}"
    found = {"": read(whole)}
    for path in sorted(pathlib.Path(_path(whole)).parent.glob(f"{glob.escape(whole)}.*.json")):
        found[path.stem.removeprefix(f"{whole}.")] = read(path.stem)
    return {subject: record for subject, record in found.items() if record}


def keep(name, record):
    """
    Replace a record as a whole.

    name
        As for ``read``.

    record
        A mapping.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha_record.keep demo.galera '{}'
    """
    path = _path(name)
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    with salt.utils.atomicfile.atomic_open(path, "w") as handle:
        handle.write(json.dumps(record))


def decided(cluster, system, decision, record):
    """
    Replace a system's record by one with this decision; tell the event bus when it is a new one.

    cluster
        The cluster's name.

    system
        Whose decision it is, e.g. ``galera``.

    decision
        ``{verdict, nodes, why, way_out}``.

    record
        What else is to be kept.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha_record.read demo.galera
    """
    before = read(f"{cluster}.{system}")
    is_new = before.get("decision") != decision
    now = time.time()
    since = now if is_new else before["decided"]
    found = {**record, "decision": decision, "decided": since, "looked": now}
    keep(f"{cluster}.{system}", found)
    if is_new:
        # A copy: the event puts its time into what it is given.
        __salt__["event.send"](f"openstack_ha/{cluster}/{system}/decision", dict(decision))


def _path(name):
    return os.path.join(__opts__["cachedir"], "openstack_ha", f"{name.replace('/', '_')}.json")
