"""
The broker of this host, as a member of the controllers' cluster, and what it serves.
"""

import time

from salt.exceptions import CommandExecutionError

__virtualname__ = "openstack_ha_rabbitmq"

_POLL = 2


def __virtual__():
    return __virtualname__


def member_present(name, patience=900):
    """
    The broker runs, and its cluster holds every controller whose broker runs.

    A broker that does not run asks the master: the state rings the doorbell
    ``openstack_ha/<cluster>/rabbitmq/doorbell`` and waits for what the master decides and does. It
    is never started from here.

    name
        The cluster's name.

    patience
        Seconds to wait for the master, and again for the cluster to be whole.

    One that has made a cluster of its own is reported, with the command that ends that; it is never
    reset from here, since its messages would go with its database.
    """
    ret = {"name": name, "result": True, "changes": {}, "comment": ""}
    try:
        status = __salt__["openstack_ha_rabbitmq.status"]()
        if not status["is_running"]:
            ret["changes"] = {status["node"]: {"old": "stopped", "new": "running"}}
            if __opts__["test"]:
                return _would(ret, "The master would be asked how the broker is to start")
            _ask(name, patience)
        return _whole(ret, patience)
    except CommandExecutionError as exc:
        return {**ret, "result": False, "changes": {}, "comment": str(exc)}


def definitions_managed(name, series=None):
    """
    Virtual hosts, users with tags, passwords and permissions, and policies are the pillar's.

    name
        The systemd unit.

    series
        Version of RabbitMQ to assume on a host whose broker cannot be asked yet.

    The user ``guest`` is absent, and so is the policy ``openstack_ha_mirrored`` where queues are
    quorum queues. What the pillar does not name stays as it is. Passwords are compared with the
    broker's hashes; no password is shown.
    """
    ret = {"name": name, "result": True, "changes": {}, "comment": "Nothing differs"}
    try:
        running = __salt__["openstack_ha_rabbitmq.status"]()["is_running"]
        if not (running or __opts__["test"]):
            raise CommandExecutionError(f"{name} does not run, so nothing can be defined in it")
        ret["changes"] = __salt__["openstack_ha_rabbitmq_definitions.pending"](series)["changes"]
        if not ret["changes"]:
            return ret
        if __opts__["test"]:
            return _would(ret, f"{len(ret['changes'])} definitions would change")
        __salt__["openstack_ha_rabbitmq_definitions.apply"](series)
        left = __salt__["openstack_ha_rabbitmq_definitions.pending"](series)["changes"]
        if left:
            raise CommandExecutionError(f"RabbitMQ took the definitions, but not {', '.join(left)}")
        return {**ret, "comment": f"{len(ret['changes'])} definitions changed"}
    except CommandExecutionError as exc:
        return {**ret, "result": False, "comment": str(exc)}


def _would(ret, comment):
    return {**ret, "result": None, "comment": comment}


def _ask(name, patience):
    """Have the master start the broker."""
    unresolved = __salt__["openstack_ha_rabbitmq_peers.unresolved"]()
    if unresolved:
        raise CommandExecutionError(
            f"brokers find each other by name, and here {'; '.join(unresolved)}; apply "
            "openstack_ha.hosts, or take what contradicts it out of /etc/hosts"
        )
    refusal = __salt__["openstack_ha_word.wait"](name, "rabbitmq", _lacking, patience)
    if refusal:
        raise CommandExecutionError(refusal)


def _lacking():
    try:
        status = __salt__["openstack_ha_rabbitmq.status"]()
    except CommandExecutionError:
        # A machine that begins may refuse a connection; the deadline bounds the wait.
        return "the broker is starting"
    return None if status["is_running"] else f"{status['node']} does not run"


def _whole(ret, timeout):
    """Wait until the cluster is whole and finish ``ret``; a look only in test mode."""
    faults = _await_empty(_faults, 0 if __opts__["test"] else timeout)
    status = __salt__["openstack_ha_rabbitmq.status"]()
    if faults:
        raise CommandExecutionError("; ".join([*faults, *_way_out(status)]))
    if ret["changes"]:
        new = f"running with {', '.join(status['running_nodes'])}"
        ret["changes"] = {status["node"]: {"old": "stopped", "new": new}}
    return {**ret, "comment": f"The cluster runs on {', '.join(status['running_nodes'])}"}


def _faults():
    status = __salt__["openstack_ha_rabbitmq.status"]()
    if not status["is_running"]:
        return [f"{status['node']} does not run; see /var/log/rabbitmq/{status['node']}.log"]
    return __utils__["openstack_ha_rabbitmq.membership_faults"](status, _serving())


def _serving():
    return __salt__["openstack_ha_rabbitmq_peers.serving"]()


def _way_out(status):
    serving = _serving() if status["is_running"] else []
    if not __utils__["openstack_ha_rabbitmq.foreign_clusters"](status, serving):
        return []
    return [
        "choose the cluster to keep, and on each controller of the other one run `salt-call "
        "openstack_ha_rabbitmq.rejoin rabbit@<its hostname>`, which moves that broker's messages "
        f"away (here: `salt-call openstack_ha_rabbitmq.rejoin {status['node']}`); see "
        "docs/runbooks/broken-rabbitmq.md, 'Two clusters'"
    ]


def _await_empty(look, timeout):
    """Look until nothing is found or time is up; return what was found last."""
    deadline = time.monotonic() + timeout
    found = look()
    while found and time.monotonic() < deadline:
        time.sleep(_POLL)
        found = look()
    return found
