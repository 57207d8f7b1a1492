"""
The broker of this host, as a member of the controllers' cluster, and what it serves.
"""

import time

from salt.exceptions import CommandExecutionError

__virtualname__ = "openstack_ha_rabbitmq"

_POLL = 2


def __virtual__():
    return __virtualname__


def member_present(name, timeout=300):
    """
    The broker runs, and its cluster holds every controller whose broker runs.

    name
        The systemd unit.

    timeout
        Seconds to wait, for the broker's start and again for the cluster to be whole.

    A broker that has no database yet is started only when it reaches a majority of the controllers'
    hosts, so that a split network cannot give two clusters. One that has made a cluster of its own
    all the same is reported, with the command that ends that; it is never reset from here, since
    its messages would go with its database.
    """
    ret = {"name": name, "result": True, "changes": {}, "comment": ""}
    try:
        status = __salt__["openstack_ha_rabbitmq.status"]()
        if not status["is_running"]:
            ret["changes"] = {status["node"]: {"old": "stopped", "new": "running"}}
            if __opts__["test"]:
                return _would(ret, f"{status['node']} would be started")
            _start(name, timeout)
        return _whole(ret, timeout)
    except CommandExecutionError as exc:
        return {**ret, "result": False, "changes": {}, "comment": str(exc)}


def config_loaded(name, files, patience=900, timeout=300):
    """
    The running broker has read its configuration; else it is restarted when it is its turn.

    name
        The systemd unit.

    files
        What the broker reads at its start. Any of them that is newer than the broker's process
        asks for a restart, also one that an earlier run could not do.

    patience
        Seconds to wait for the turn.

    timeout
        Seconds for the restart.

    All controllers may apply this at the same time: one broker restarts at a time, and only while
    every other one runs and no queue depends on this one alone
    (``openstack_ha_rabbitmq.restart``). When the turn does not come, the broker goes on with its
    former configuration, and the state fails.
    """
    ret = {"name": name, "result": True, "changes": {}, "comment": "The configuration is loaded"}
    try:
        newer = __salt__["openstack_ha_rabbitmq.newer_files"](name, files)
        if not newer:
            return ret
        ret["changes"] = {name: {"old": "running", "new": f"restarted for {', '.join(newer)}"}}
        if __opts__["test"]:
            return _would(ret, f"{name} would be restarted, one broker at a time")
        __salt__["openstack_ha_rabbitmq.restart"](name, patience, timeout)
        left = __salt__["openstack_ha_rabbitmq.newer_files"](name, files)
        if left:
            raise CommandExecutionError(f"{name} was restarted, yet is older than {left}")
        return {**ret, "comment": f"{name} was restarted"}
    except CommandExecutionError as exc:
        return {**ret, "result": False, "changes": {}, "comment": str(exc)}


def mod_watch(name, sfun=None, files=(), **kwargs):
    """
    Say in test mode that a file which would change asks for a restart.

    name, files
        As for ``config_loaded``.

    sfun
        The state's function.

    Outside of test mode ``config_loaded`` has done its work already.
    """
    ret = {"name": name, "result": True, "changes": {}, "comment": "The configuration is loaded"}
    if sfun != "config_loaded" or not __opts__["test"]:
        return ret
    try:
        if not __salt__["openstack_ha_rabbitmq.status"]()["is_running"]:
            return {**ret, "comment": f"{name} does not run; its start reads the configuration"}
    except CommandExecutionError as exc:
        return {**ret, "result": False, "comment": str(exc)}
    ret["changes"] = {name: {"old": "running", "new": "restarted"}}
    return _would(ret, f"{name} would be restarted, one broker at a time")


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
        ret["changes"] = __salt__["openstack_ha_rabbitmq.pending"](series)["changes"]
        if not ret["changes"]:
            return ret
        if __opts__["test"]:
            return _would(ret, f"{len(ret['changes'])} definitions would change")
        __salt__["openstack_ha_rabbitmq.apply"](series)
        left = __salt__["openstack_ha_rabbitmq.pending"](series)["changes"]
        if left:
            raise CommandExecutionError(f"RabbitMQ took the definitions, but not {', '.join(left)}")
        return {**ret, "comment": f"{len(ret['changes'])} definitions changed"}
    except CommandExecutionError as exc:
        return {**ret, "result": False, "comment": str(exc)}


def _would(ret, comment):
    return {**ret, "result": None, "comment": comment}


def _start(name, timeout):
    """Start the broker when it cannot make a second cluster."""
    unresolved = __salt__["openstack_ha_rabbitmq.unresolved"]()
    if unresolved:
        raise CommandExecutionError(
            f"brokers find each other by name, and here {'; '.join(unresolved)}; apply "
            "openstack_ha.hosts, or take what contradicts it out of /etc/hosts"
        )
    if __salt__["openstack_ha_rabbitmq.is_blank"]():
        _await_majority(timeout)
    __salt__["openstack_ha_rabbitmq.start"](name, timeout)


def _await_majority(timeout):
    def silent():
        peers = __salt__["openstack_ha_rabbitmq.peers"]()
        found = sorted(peer for peer, seen in peers.items() if not seen["answers"])
        reached = len(peers) + 1 - len(found)
        enough = __utils__["openstack_ha_rabbitmq.may_form"](len(peers) + 1, reached)
        return [] if enough else found

    missing = _await_empty(silent, timeout)
    if missing:
        raise CommandExecutionError(
            "this broker has no database yet and reaches no majority of the controllers, so it "
            f"might make a second cluster; it was not started. No answer within {timeout} s from "
            f"the hosts of {', '.join(missing)}: start them, or mend the network between"
        )


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
    peers = __salt__["openstack_ha_rabbitmq.peers"]()
    return sorted(peer for peer, seen in peers.items() if seen["serves"])


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
