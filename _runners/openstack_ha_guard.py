"""
What the master remembers of that which a highstate cannot change on a running cluster.

A cluster file with another value is refused like one with a fault, so what it said last goes on.
The master believes no node about a value: it remembers what its own file says, once a node says
that it runs with that.
"""

import logging

from salt.exceptions import SaltException, SaltRunnerError

log = logging.getLogger(__name__)

__virtualname__ = "openstack_ha_guard"


def __init__(opts):
    __utils__["openstack_ha_command.guard"](globals())


def __virtual__():
    return __virtualname__


def memory(name):
    """
    Return what the master remembers of a cluster, as ``openstack_ha_guard.memory`` does of a node.

    name
        The cluster's name.

    Raises SaltRunnerError when there is no such cluster.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha_guard.memory demo
    """
    file = __salt__["openstack_ha.cluster"](name)["file"]
    return __salt__["openstack_ha_execution.call"]("openstack_ha_cluster.guarded", file)


def learn(cluster, said):
    """
    Remember what nodes say that they run with, where the cluster file says the same.

    cluster
        What ``openstack_ha.cluster`` returns.

    said
        What ``openstack_ha.evidence`` returned by node.

    Only a node that knows of a value of which the master does not is asked for it.

    Returns what the master remembers.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha.reconcile demo
    """
    call, unknown = __salt__["openstack_ha_execution.call"], __utils__["openstack_ha_guard.unknown"]
    known = call("openstack_ha_cluster.guarded", cluster["file"])
    for node, found in said.items():
        if not unknown(known, (found or {}).get("guards"), cluster["nodes"]):
            continue
        try:
            own = __salt__["openstack_ha_members.ask"](node, "openstack_ha_guard.memory")
            known = call("openstack_ha_cluster.learn", cluster["file"], own)
        except SaltException as exc:
            log.error("openstack_ha: what %s runs with is not known: %s", node, exc)
    return known


def forget(name, path):
    """
    Forget a value on all nodes and on the master, so that the cluster file may have another one and
    the next highstate brings it. docs/runbooks/guarded-values.md says what goes before.

    name
        The cluster's name.

    path
        The value's, below ``openstack_ha``: ``vip:address``.

    Returns ``{"forgotten": path}``.

    Raises SaltRunnerError when nothing of that path is guarded, there is no such cluster, or a node
    has not forgotten it.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha_guard.forget demo vip:address
    """
    if not __utils__["openstack_ha_guard.is_guarded"](path):
        known = ", ".join(__utils__["openstack_ha_guard.paths"]())
        raise SaltRunnerError(f"{path!r} is not guarded; guarded are {known}")
    one = __salt__["openstack_ha.cluster"](name)
    failures = __salt__["openstack_ha_members.order"](
        list(one["nodes"]), "openstack_ha_guard.forget", {"path": path}
    )
    __salt__["openstack_ha_execution.call"]("openstack_ha_cluster.forget", one["file"], path)
    if failures:
        told = "; ".join(f"{node}: {why}" for node, why in failures.items())
        raise SaltRunnerError(
            f"the master has forgotten {path}, and these have not: {told}. When they answer: "
            f"`salt -L {','.join(failures)} openstack_ha_guard.forget {path}`"
        )
    return {"forgotten": path}
