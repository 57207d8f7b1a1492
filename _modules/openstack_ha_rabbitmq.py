"""
Look at, and act on, the RabbitMQ broker of this host.

Every function is one or two processes of RabbitMQ's own tools, each with a time limit. No secret
is on a command line, in a log or in what a function returns: passwords are hashed here, and go to
the broker through a pipe.
"""

import json
import os
import secrets
import socket
import time

from salt.exceptions import CommandExecutionError

__virtualname__ = "openstack_ha_rabbitmq"

# Debian's /usr/sbin/rabbitmqctl puts its arguments through a second shell, which would expand any
# "$" in them; these are what it calls in the end.
_TOOLS = "/usr/lib/rabbitmq/bin"
_USER = "rabbitmq"
_HOME = "/var/lib/rabbitmq"
_SERVICE = "rabbitmq-server"

# Seconds. A tool starts an Erlang machine of its own: 2 s on an idle host, more on a busy one.
_TOOL_TIMEOUT = 60
_CONNECT_TIMEOUT = 2
_POLL = 2

# Where the broker listens for other brokers and for its tools (RabbitMQ's default).
_CLUSTER_PORT = 25672

# sysexits.h, EX_UNAVAILABLE: a tool could not talk to the broker's Erlang node, be it that there is
# none, or that it refuses the cookie.
_UNAVAILABLE = 69

# Erlang's global lock that a broker holds while it restarts. The process that owns it lives in the
# broker, so the lock ends with the broker at the latest; after 15 minutes it ends anyway.
_LOCK = """
Caller = self(),
case whereis(openstack_ha_restart) of
    undefined ->
        Owner = spawn(fun() ->
            Lock = {openstack_ha_restart, self()},
            Nodes = [node() | nodes()],
            Taken = global:set_lock(Lock, Nodes, 0),
            Taken andalso register(openstack_ha_restart, self()),
            Caller ! {self(), Taken},
            Taken andalso receive release -> ok after 900000 -> ok end,
            Taken andalso global:del_lock(Lock, Nodes)
        end),
        receive {Owner, Answer} -> Answer after 20000 -> exit(Owner, kill), false end;
    _ ->
        true
end.
"""
_UNLOCK = "catch openstack_ha_restart ! release, ok."


def __virtual__():
    return __virtualname__


def installed():
    """
    Return whether the broker's tools are on this host.

    CLI Example:

    .. code-block:: bash

        salt '*' openstack_ha_rabbitmq.installed
    """
    return os.path.exists(f"{_TOOLS}/rabbitmqctl")


def status():
    """
    Return the state of the broker and of its cluster as the broker sees it.

    Returns a mapping with is_running, node, version, cluster_name, disk_nodes, ram_nodes,
    running_nodes, partitions, alarms, maintenance, listeners, versions and erlang_versions. Of a
    broker that does not run (not installed, stopped, starting, paused in a minority) everything
    but the first two is empty.

    Raises CommandExecutionError when the broker's state cannot be known.

    CLI Example:

    .. code-block:: bash

        salt '*' openstack_ha_rabbitmq.status
    """
    node = _node()
    if not installed() or not _machine_runs():
        return __utils__["openstack_ha_rabbitmq.stopped_status"](node)
    args = ("cluster_status", "--formatter", "json")
    result = _run("rabbitmqctl", *args)
    if result["retcode"] and not _application_runs():
        return __utils__["openstack_ha_rabbitmq.stopped_status"](node)
    text = _checked(result, "rabbitmqctl", args)
    try:
        return __utils__["openstack_ha_rabbitmq.parse_status"](text, node)
    except ValueError as exc:
        raise CommandExecutionError(f"rabbitmqctl cluster_status on {node}: {exc}") from exc


def peers():
    """
    Return what the other controllers' brokers look like from here, by one TCP connect each.

    Returns ``{broker: {"answers": bool, "serves": bool}}``. A host answers when it accepts or
    refuses the connection; its broker serves when the AMQP port is open, which RabbitMQ opens at
    the end of its start.

    CLI Example:

    .. code-block:: bash

        salt '*' openstack_ha_rabbitmq.peers
    """
    view = _view()
    return {
        _name(controller): _probe(controller["address"], view["rabbitmq"]["port"])
        for controller in view["controllers"]
        if controller["id"] != view["self"]["id"]
    }


def unresolved():
    """
    Return the controllers whose names do not lead to the pillar's addresses, as texts.

    Brokers find each other by host name.

    CLI Example:

    .. code-block:: bash

        salt '*' openstack_ha_rabbitmq.unresolved
    """
    faults = []
    for controller in _view()["controllers"]:
        try:
            address = socket.gethostbyname(controller["hostname"])
        except OSError:
            address = "no address"
        if address != controller["address"]:
            faults.append(f"{controller['hostname']} is {address}, not {controller['address']}")
    return faults


def is_blank():
    """
    Return whether the broker has no database yet, so that its next start joins or makes a cluster.

    CLI Example:

    .. code-block:: bash

        salt '*' openstack_ha_rabbitmq.is_blank
    """
    return not os.path.exists(f"{_HOME}/mnesia/{_node()}/schema.DAT")


def start(service=_SERVICE, timeout=300):
    """
    Start the broker and wait until it serves.

    service
        The systemd unit; its readiness is what is waited for.

    timeout
        Seconds. systemd goes on when they are over.

    Raises CommandExecutionError when the unit fails, or does not serve in time.

    CLI Example:

    .. code-block:: bash

        salt ctl1 openstack_ha_rabbitmq.start
    """
    _systemctl("start", service, timeout)


def newer_files(service, files):
    """
    Return those files that were changed after the broker's process had been started.

    service
        The systemd unit.

    files
        Paths. One that does not exist is not newer.

    Returns a list, empty too when the unit does not run.

    CLI Example:

    .. code-block:: bash

        salt ctl1 openstack_ha_rabbitmq.newer_files rabbitmq-server '[/etc/rabbitmq/rabbitmq.conf]'
    """
    started = _started(service)
    if started is None:
        return []
    # systemd tells whole seconds; a file of the same second was written before the start.
    return [p for p in files if os.path.exists(p) and int(os.path.getmtime(p)) > started]


def restart(service=_SERVICE, patience=900, timeout=300):
    """
    Restart the broker when it is its turn: one broker at a time, and only while the others run.

    service
        The systemd unit.

    patience
        Seconds to wait for the turn.

    timeout
        Seconds for the restart.

    All brokers may be told at the same time. Each takes Erlang's global lock first, which ends with
    its process; the next one then still waits until every member runs again, no queue depends on
    this broker alone (``rabbitmq-queues check_if_node_is_quorum_critical`` and
    ``check_if_node_is_mirror_sync_critical``), then hands over its queues' leaders and restarts.

    Raises CommandExecutionError when the turn does not come, with what it waits for.

    CLI Example:

    .. code-block:: bash

        salt ctl1 openstack_ha_rabbitmq.restart
    """
    _await_turn(patience)
    try:
        if len(status()["disk_nodes"]) > 1:
            _call("rabbitmq-upgrade", "drain", timeout=timeout)
        _systemctl("restart", service, timeout)
    finally:
        _release()


def definitions():
    """
    Return the broker's definitions (vhosts, users, permissions, policies, queues, ..), without
    password hashes.

    Raises CommandExecutionError when the broker does not give them.

    CLI Example:

    .. code-block:: bash

        salt ctl1 openstack_ha_rabbitmq.definitions
    """
    found = _exported()
    for user in found.get("users", []):
        user.pop("password_hash", None)
    return found


def pending(series=None):
    """
    Return what the broker's definitions lack of the pillar's.

    series
        Version of RabbitMQ to assume when no broker runs that can be asked, e.g. 3.10. Without a
        broker everything is lacking.

    Returns ``{"set": definitions, "delete": {"users": [..], "policies": [..]}, "changes": {..}}``
    without any secret.

    Raises CommandExecutionError when the broker cannot be read, or does not support the queues
    that the pillar asks for.

    CLI Example:

    .. code-block:: bash

        salt ctl1 openstack_ha_rabbitmq.pending 3.10
    """
    seen = status()
    desired = _desired(seen["version"] or series)
    current = _exported() if seen["is_running"] else {}
    return __utils__["openstack_ha_rabbitmq.definitions_diff"](
        current, desired, _passwords(desired)
    )


def queue_type(series=None):
    """
    Return ``mirrored`` or ``quorum``: the type of queue that the cluster uses.

    series
        Version of RabbitMQ to assume when no broker runs that can be asked, e.g. 3.10.

    Raises CommandExecutionError when the broker does not support what the pillar asks for.

    CLI Example:

    .. code-block:: bash

        salt ctl1 openstack_ha_rabbitmq.queue_type
    """
    return _queue_type(status()["version"] or series)


def apply(series=None):
    """
    Give the broker the pillar's definitions, in one process, and take away what must not be.

    series
        As for ``pending``.

    Returns what was lacking, as ``pending`` does.

    Raises CommandExecutionError when the broker refuses.

    CLI Example:

    .. code-block:: bash

        salt ctl1 openstack_ha_rabbitmq.apply
    """
    lacking = pending(series)
    if lacking["set"]:
        _import(lacking["set"])
    for user in lacking["delete"]["users"]:
        delete_user(user)
    for policy in lacking["delete"]["policies"]:
        clear_policy(policy["name"], policy["vhost"])
    return lacking


def delete_user(name):
    """
    Delete a user; one that is gone already is no error.

    name
        The user.

    Returns whether there was such a user.

    Raises CommandExecutionError when the broker refuses.

    CLI Example:

    .. code-block:: bash

        salt ctl1 openstack_ha_rabbitmq.delete_user guest
    """
    return _deleted("delete_user", name)


def clear_policy(name, vhost="/"):
    """
    Delete a policy; one that is gone already is no error.

    name
        The policy.

    vhost
        Its virtual host.

    Returns whether there was such a policy.

    Raises CommandExecutionError when the broker refuses.

    CLI Example:

    .. code-block:: bash

        salt ctl1 openstack_ha_rabbitmq.clear_policy old-policy
    """
    return _deleted("clear_policy", "--vhost", vhost, name)


def rejoin(broker):
    """
    Give up this broker's database, messages included, and let it join its peers' cluster.

    For a person, about a broker that has a cluster of its own; no state calls it.

    broker
        The broker's full name, e.g. rabbit@ctl3: the word that it is meant.

    Raises CommandExecutionError when the name is not this broker's, or no peer serves that it could
    join.

    CLI Example:

    .. code-block:: bash

        salt ctl3 openstack_ha_rabbitmq.rejoin rabbit@ctl3
    """
    if broker != _node():
        raise CommandExecutionError(
            f"this broker is {_node()}, not {broker}; nothing was done. Name the broker that is to "
            "give up its database"
        )
    if not any(peer["serves"] for peer in peers().values()):
        raise CommandExecutionError(
            f"no other controller's broker serves, so {broker} would be alone again; nothing was "
            "done. Start another one first"
        )
    for command in ("stop_app", "reset", "start_app"):
        _call("rabbitmqctl", command, timeout=300)
    return status()


def _view():
    return __salt__["openstack_ha.view"]()


def _name(controller):
    return f"rabbit@{controller['hostname']}"


def _node():
    return _name(_view()["self"])


def _probe(address, port):
    try:
        socket.create_connection((address, port), timeout=_CONNECT_TIMEOUT).close()
    except ConnectionRefusedError:
        return {"answers": True, "serves": False}
    except OSError:
        return {"answers": False, "serves": False}
    return {"answers": True, "serves": True}


def _queue_type(version):
    view = _view()
    try:
        return __utils__["openstack_ha_rabbitmq.queue_type"](
            view["rabbitmq"]["queues"], version, view["release"]
        )
    except ValueError as exc:
        raise CommandExecutionError(str(exc)) from exc


def _desired(version):
    view = _view()
    return __utils__["openstack_ha_rabbitmq.desired_definitions"](
        view["rabbitmq"], len(view["controllers"]), _queue_type(version)
    )


def _passwords(desired):
    return {
        user["name"]: __salt__["openstack_ha.secret"](f"rabbitmq:users:{user['name']}")
        for user in desired["users"]
    }


def _exported():
    text = _call("rabbitmqctl", "export_definitions", "-", "--format", "json")
    try:
        return json.loads(text)
    except ValueError as exc:
        raise CommandExecutionError(
            f"rabbitmqctl export_definitions on {_node()} printed no JSON: {exc}"
        ) from exc


def _import(wanted):
    users = [user["name"] for user in wanted.get("users", [])]
    passwords = _passwords({"users": [{"name": name} for name in users]})
    salts = {name: secrets.token_bytes(4) for name in users}
    complete = __utils__["openstack_ha_rabbitmq.with_hashes"](wanted, passwords, salts)
    _call("rabbitmqctl", "import_definitions", stdin=json.dumps(complete))


def _deleted(*args):
    result = _run("rabbitmqctl", *args)
    # Another controller's state run may have been quicker.
    if result["retcode"] and "does not exist" in result["stderr"] + result["stdout"]:
        return False
    _checked(result, "rabbitmqctl", args)
    return True


def _machine_runs():
    """Whether the broker's Erlang machine runs, or is about to."""
    return _unit(_SERVICE)["ActiveState"] not in ("inactive", "failed")


def _application_runs():
    """Whether the broker itself runs in its Erlang machine; raises when nobody can say."""
    result = _run("rabbitmqctl", "eval", stdin="rabbit:is_running().")
    if result["retcode"] == _UNAVAILABLE:
        own = _probe(_view()["self"]["address"], _CLUSTER_PORT)
        if own["answers"] and not own["serves"]:
            return False
    return _checked(result, "rabbitmqctl", ("eval", "rabbit:is_running()")).strip() == "true"


def _await_turn(patience):
    deadline = time.monotonic() + patience
    while True:
        obstacle = _obstacle()
        if obstacle is None:
            return
        if time.monotonic() > deadline:
            raise CommandExecutionError(
                f"{_node()} was not restarted, since within {patience} s {obstacle}; it still runs "
                "with its former configuration. Mend that, and apply openstack_ha.rabbitmq again"
            )
        time.sleep(_POLL)


def _obstacle():
    """Take the lock and return None, or say what is in the way."""
    if _call("rabbitmqctl", "eval", stdin=_LOCK).strip() != "true":
        return "another broker was restarting"
    obstacle = _dependants()
    if obstacle is not None:
        _release()
    return obstacle


def _dependants():
    """What would suffer from this broker's restart now, or None."""
    seen = status()
    down = sorted(set(seen["disk_nodes"]) - set(seen["running_nodes"]))
    if down:
        return f"{', '.join(down)} did not run"
    if seen["disk_nodes"] == [seen["node"]]:
        return None
    for check in ("check_if_node_is_quorum_critical", "check_if_node_is_mirror_sync_critical"):
        if _run("rabbitmq-queues", check)["retcode"]:
            return f"queues depended on this broker alone (rabbitmq-queues {check})"
    return None


def _release():
    """End the lock; a broker that does not run has none."""
    if _machine_runs():
        _run("rabbitmqctl", "eval", stdin=_UNLOCK)


def _systemctl(verb, service, timeout):
    result = _quiet(["systemctl", verb, service], timeout)
    if result["retcode"]:
        raise CommandExecutionError(
            f"systemctl {verb} {service} on {_node()} did not end well within {timeout} s: "
            f"{(result['stderr'] or result['stdout']).strip()}; see /var/log/rabbitmq/{_node()}.log"
        )


def _call(tool, *args, **kwargs):
    return _checked(_run(tool, *args, **kwargs), tool, args)


def _checked(result, tool, args):
    if result["retcode"]:
        # The rest is advice, and the cookie's hash.
        reason = (result["stderr"] or result["stdout"]).strip().split("\n\n")[0]
        raise CommandExecutionError(
            f"{tool} {' '.join(args)} on {_node()} ended with {result['retcode']}: {reason} "
            "(`rabbitmq-diagnostics status` on the node tells more)"
        )
    return result["stdout"]


def _run(tool, *args, stdin=None, timeout=_TOOL_TIMEOUT):
    if not os.path.exists(f"{_TOOLS}/{tool}"):
        raise CommandExecutionError(
            f"{_TOOLS}/{tool} is missing; apply openstack_ha.rabbitmq to install RabbitMQ"
        )
    argv = ["runuser", "-u", _USER, "--", f"{_TOOLS}/{tool}", *args]
    return _quiet([*argv, "--timeout", str(timeout)], timeout + 15, stdin)


def _quiet(argv, timeout, stdin=None):
    # "quiet": neither the command nor its output is logged. Raw newlines: else Salt makes real ones
    # of the "\\n" in JSON.
    return __salt__["cmd.run_all"](
        argv,
        python_shell=False,
        timeout=timeout,
        stdin=stdin,
        stdin_raw_newlines=True,
        cwd=_HOME if argv[0] == "runuser" else None,
        env={"HOME": _HOME} if argv[0] == "runuser" else None,
        output_loglevel="quiet",
        ignore_retcode=True,
    )


def _started(service):
    """When the unit's process was started, in seconds since the epoch; None if it does not run."""
    unit = _unit(service)
    if unit["ActiveState"] in ("inactive", "failed"):
        return None
    stamp = unit["ExecMainStartTimestamp"].lstrip("@")
    return int(stamp) if stamp.isdigit() else None


def _unit(service):
    properties = "--property=ActiveState,ExecMainStartTimestamp"
    shown = _quiet(["systemctl", "show", service, "--timestamp=unix", properties], 30)
    if shown["retcode"]:
        raise CommandExecutionError(f"systemctl show {service}: {shown['stderr']}")
    return dict(line.split("=", 1) for line in shown["stdout"].splitlines() if line)
