"""
What is on the disk of this host's broker: its database, and which cluster that is of.
"""

import contextlib
import os
import shutil
import time

import salt.utils.atomicfile
from salt.exceptions import CommandExecutionError

__virtualname__ = "openstack_ha_rabbitmq_database"

_USER = "rabbitmq"
_HOME = "/var/lib/rabbitmq"
_DATABASES = f"{_HOME}/mnesia"
# Databases that were moved away, each in a folder of its own by the time at which it was.
_SET_ASIDE = f"{_HOME}/set_aside"
# RabbitMQ's own id of the cluster that the database is of, which only a running broker tells.
_CLUSTER = "/var/lib/openstack_ha/rabbitmq-cluster"


def __virtual__():
    return __virtualname__


def is_blank():
    """
    Return whether the broker has no database yet, so that its next start joins or makes a cluster.

    CLI Example:

    .. code-block:: bash

        salt '*' openstack_ha_rabbitmq_database.is_blank
    """
    return not os.path.exists(_own("schema.DAT"))


def members():
    """
    Return the brokers of the cluster that the database is of, as it says itself; none without one.

    Raises CommandExecutionError when it cannot be read.

    CLI Example:

    .. code-block:: bash

        salt '*' openstack_ha_rabbitmq_database.members
    """
    return _listed("cluster_nodes.config", "openstack_ha_rabbitmq.parse_cluster_nodes")


def running_at_shutdown():
    """
    Return the brokers that ran when this one stopped, as its disk knows; none where it does not.

    Raises CommandExecutionError when it cannot be read.

    CLI Example:

    .. code-block:: bash

        salt '*' openstack_ha_rabbitmq_database.running_at_shutdown
    """
    return _listed("nodes_running_at_shutdown", "openstack_ha_rabbitmq.parse_running_at_shutdown")


def cluster():
    """
    Return RabbitMQ's own id of the cluster that the database is of; None when nobody has told.

    CLI Example:

    .. code-block:: bash

        salt '*' openstack_ha_rabbitmq_database.cluster
    """
    try:
        with open(_CLUSTER, encoding="utf-8") as handle:
            return handle.read() or None
    except FileNotFoundError:
        return None


def remember(cluster_id):
    """
    Write down which cluster the database is of, which only a running broker tells.

    cluster_id
        RabbitMQ's own id of it.

    CLI Example:

    .. code-block:: bash

        salt ctl1 openstack_ha_rabbitmq_database.remember rabbitmq-cluster-id-3fDQqxL1ZPeYmk8yYWn7vg
    """
    if cluster_id != cluster():
        os.makedirs(os.path.dirname(_CLUSTER), mode=0o755, exist_ok=True)
        with salt.utils.atomicfile.atomic_open(_CLUSTER, "w") as handle:
            handle.write(cluster_id)


def set_aside(broker):
    """
    Stop this broker and move its database away, so that it joins its peers' cluster without it.

    broker
        The broker's full name, e.g. rabbit@ctl3: the word that it is meant.

    For a person. The database lies in a folder of its own below ``/var/lib/rabbitmq/set_aside``
    then, where nothing is ever removed. The broker joins when the master looks next.

    Returns ``{"moved_to": path}``.

    Raises CommandExecutionError when the name is not this broker's, or it has no database.

    CLI Example:

    .. code-block:: bash

        salt ctl3 openstack_ha_rabbitmq_database.set_aside rabbit@ctl3
    """
    __salt__["openstack_ha_rabbitmq_tools.check_meant"](broker)
    if is_blank():
        raise CommandExecutionError(f"{broker} has no database; nothing was done")
    moved_to = f"{_SET_ASIDE}/{time.strftime('%Y%m%dT%H%M%S')}"
    os.makedirs(_SET_ASIDE, 0o700, exist_ok=True)
    try:
        os.mkdir(moved_to, 0o700)
    except FileExistsError as exc:
        raise CommandExecutionError(f"{moved_to} holds another database; try again") from exc
    for folder in (_SET_ASIDE, moved_to):
        shutil.chown(folder, _USER, _USER)
    __salt__["openstack_ha_rabbitmq_tools.stop"]()
    for name in (broker, f"{broker}-feature_flags"):
        if os.path.exists(f"{_DATABASES}/{name}"):
            os.rename(f"{_DATABASES}/{name}", f"{moved_to}/{name}")
    with contextlib.suppress(FileNotFoundError):
        os.unlink(_CLUSTER)
    return {"moved_to": moved_to}


def _listed(name, parse):
    """The brokers that a file of the database lists."""
    path = _own(name)
    try:
        with open(path, encoding="utf-8") as handle:
            return __utils__[parse](handle.read())
    except FileNotFoundError:
        return []
    except ValueError as exc:
        raise CommandExecutionError(f"{path}: {exc}") from exc


def _own(file):
    return f"{_DATABASES}/{__salt__['openstack_ha_rabbitmq_tools.broker']()}/{file}"
