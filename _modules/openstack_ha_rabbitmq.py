"""
Look at, and act on, the RabbitMQ broker of this host.

What a broker knows, its Erlang machine is asked by erl_call, which takes milliseconds; what is
changed is changed by RabbitMQ's own tools, which take a second of a core each. All have a time
limit. No secret is on a command line, in a log or in what a function returns: passwords are hashed
here, and go to the broker through a pipe.
"""

import base64
import contextlib
import fcntl
import json
import os
import re
import secrets
import shutil
import socket
import time

import salt.utils.atomicfile
from salt.exceptions import CommandExecutionError

__virtualname__ = "openstack_ha_rabbitmq"

# Debian's /usr/sbin/rabbitmqctl puts its arguments through a second shell, which would expand any
# "$" in them; these are what it calls in the end.
_TOOLS = "/usr/lib/rabbitmq/bin"
# Erlang's client in C. It reads the cookie in its user's home.
_CLIENT = "/usr/bin/erl_call"
_USER = "rabbitmq"
_HOME = "/var/lib/rabbitmq"
_SERVICE = "rabbitmq-server"
_CONFIG = "/etc/rabbitmq/rabbitmq.conf"
# While it exists the unit starts a broker without a database too; see the unit's drop-in.
_MAY_BE_BLANK = "/run/openstack_ha/rabbitmq-may-be-blank"
_LOCK_FILE = "/run/openstack_ha/rabbitmq.lock"
_DATABASES = f"{_HOME}/mnesia"
# Databases that were moved away, each in a folder of its own by the time at which it was.
_SET_ASIDE = f"{_HOME}/set_aside"
# RabbitMQ's own id of the cluster that the database is of, which only a running broker tells.
_CLUSTER = "/var/lib/openstack_ha/rabbitmq-cluster"

# Seconds. A tool starts an Erlang machine of its own: 2 s on an idle host, more on a busy one.
_TOOL_TIMEOUT = 60
_CONNECT_TIMEOUT = 2
_POLL = 2

# ActiveState of a unit that neither runs nor is about to.
_STILL = ("inactive", "failed")
_REPLICAS = 3

# A machine that begins listens before it lets anybody in; seconds for that on a busy host, and how
# erl_call says so. Whoever refuses the cookie is told apart by going on with it.
_BEGIN = 10
_BEGIN_POLL = 0.5
_NO_CONNECTION = "failed to connect"

# Where the broker listens for other brokers and for its tools (RabbitMQ's default).
_CLUSTER_PORT = 25672

# What ``rabbitmqctl cluster_status`` tells, asked in the same way.
_STATUS = """
Ask = fun(Node, Module, Function, Args) ->
    case rpc:call(Node, Module, Function, Args, 5000) of
        {badrpc, _} -> unknown;
        Told -> Told
    end end,
Text = fun(Key, Info) -> list_to_binary(maps:get(Key, Info, "")) end,
case rabbit:is_running() of
    false ->
        null;
    true ->
        Status = rabbit_mnesia:status(),
        Members = proplists:get_value(nodes, Status),
        Running = proplists:get_value(running_nodes, Status),
        ByNode = fun(Look) -> maps:from_list([{Node, Look(Node)} || Node <- Running]) end,
        #{cluster_name => proplists:get_value(cluster_name, Status),
          disk_nodes => proplists:get_value(disc, Members, []),
          ram_nodes => proplists:get_value(ram, Members, []),
          running_nodes => Running,
          partitions => maps:from_list(proplists:get_value(partitions, Status)),
          alarms => [#{node => At, type => Type, resource => Resource}
                     || Asked <- Running, Alarms <- [Ask(Asked, rabbit, alarms, [])],
                        is_list(Alarms), {Type, Resource, At} <- Alarms],
          maintenance_status => ByNode(fun(Node) ->
              Ask(Node, rabbit_maintenance, status_local_read, [Node]) end),
          versions => ByNode(fun(Node) ->
              case Ask(Node, rabbit, product_info, []) of
                  unknown ->
                      #{rabbitmq_version => <<>>, erlang_version => <<>>};
                  Info ->
                      #{rabbitmq_version => Text(product_base_version, Info),
                        erlang_version => Text(otp_release, Info)}
              end end),
          listeners => ByNode(fun(Node) ->
              [#{protocol => element(3, One), port => element(6, One),
                 interface => list_to_binary(inet:ntoa(element(5, One)))}
               || One <- rabbit_networking:node_listeners(Node)] end)}
end
"""
# What the formula looks after; a whole export has all queues, too.
_DEFINITIONS = """
#{vhosts => rabbit_definitions:list_vhosts(),
  users => rabbit_definitions:list_users(),
  permissions => rabbit_definitions:list_permissions(),
  policies => rabbit_definitions:list_policies()}
"""

# What a broker's Erlang machine knows, in one process, also while the broker in it does not run.
# In the first seconds of a start it knows no members (corrupt_or_missing_cluster_files is thrown).
_KNOWN = """
IsRunning = rabbit:is_running(),
Members = try lists:sort(rabbit_mnesia:cluster_nodes(disc)) catch throw:_ -> [] end,
{Running, Partitions, Quorum} = case IsRunning of
    true -> {lists:sort(rabbit_mnesia:cluster_nodes(running)), rabbit_node_monitor:partitions(),
             [Q || Q <- rabbit_amqqueue:list(), amqqueue:get_type(Q) =:= rabbit_quorum_queue,
                   is_tuple(amqqueue:get_pid(Q))]};
    false -> {[], [], []}
end,
Replicas = fun(Q) -> lists:sort(maps:get(nodes, amqqueue:get_type_state(Q))) end,
"""
# Ill of the quorum queues with a replica here: those whose replica here has no process, and those
# that should have their leader here and have it nowhere. Others are asked only about suspects, and
# about nothing unless all of the cluster runs. Rows of ra_state have two or three fields.
_ILL = """
Name = fun(Q) -> element(1, amqqueue:get_pid(Q)) end,
Leads = fun(Q, Rows) -> lists:any(fun(Row) ->
    element(1, Row) =:= Name(Q) andalso element(2, Row) =:= leader end, Rows) end,
IsMine = fun(Q) ->
    Leader = element(2, amqqueue:get_pid(Q)),
    Leader =:= node() orelse not lists:member(Leader, Replicas(Q)) end,
Suspects = [Q || Running =:= Members, Partitions =:= [], Q <- Quorum,
    lists:member(node(), Replicas(Q)),
    whereis(Name(Q)) =:= undefined orelse
        (IsMine(Q) andalso not Leads(Q, ets:lookup(ra_state, Name(Q))))],
Asked = [{N, rpc:call(N, erlang, registered, [], 5000),
          rpc:call(N, ets, tab2list, [ra_state], 5000)} || Suspects =/= [], N <- Members],
Answered = lists:all(fun({_, Names, Rows}) -> is_list(Names) andalso is_list(Rows) end, Asked),
Lacks = fun(Q) ->
    Online = [Rows || {N, Names, Rows} <- Asked,
                      lists:member(N, Replicas(Q)), lists:member(Name(Q), Names)],
    IsWhole = length(Online) =:= length(Replicas(Q)),
    IsMost = 2 * length(Online) > length(Replicas(Q)),
    case {lists:any(fun(Rows) -> Leads(Q, Rows) end, Online), whereis(Name(Q))} of
        {false, _} when IsWhole -> leader;
        {true, undefined} when IsMost -> replica;
        {true, Process} when is_pid(Process) -> nothing;
        _ -> majority
    end end,
Ill = [{element(2, amqqueue:get_name(Q)), element(4, amqqueue:get_name(Q)), Lack, Q}
       || Answered, Q <- Suspects, Lack <- [Lacks(Q)], Lack =/= nothing],
"""
# After a network that was cut in three came back, the machines may never agree on global names,
# which a start waits for without end; RabbitMQ's own way around it (workaround_global_hang) tries
# once. By the stack, since no table or name tells.
_HANGS = """
IsHanging = not IsRunning andalso lists:any(fun(Process) ->
    case process_info(Process, current_stacktrace) of
        {_, Stack} -> lists:any(fun(Call) ->
            {element(1, Call), element(2, Call)} =:= {rabbit_node_monitor, global_sync}
            end, Stack);
        undefined -> false
    end end, processes()),
"""
# Characters of an error.
_SHOWN = 500
# As many are told of at a time.
_MOST_ILL = 100
_LOOK = f"""{_KNOWN}{_ILL}{_HANGS}
#{{is_running => IsRunning,
  cluster => case IsRunning of
      true -> try rabbit_nodes:persistent_cluster_id() catch _:_ -> null end;
      false -> null end,
  is_paused => not IsRunning andalso mnesia:system_info(is_running) =:= no,
  is_hanging => IsHanging,
  members => Members,
  running => Running,
  partitions => Partitions,
  queues => lists:usort([Replicas(Q) || Q <- Quorum]),
  ill_queues => [#{{vhost => V, name => N, lacks => L}}
                 || {{V, N, L, _}} <- lists:sublist(lists:sort(Ill), {_MOST_ILL})]}}
"""
# A deleted member that did not run stays in ra's list of names with its lost directory; a new one
# does not take that row's place, so without this deletion it is dead again after the next start.
# An election is won by a member whose log lacks nothing that the others' have; each tries in turn.
_REPAIR = f"""{_KNOWN}{_ILL}
[begin
    Done = case Lack of
        replica ->
            case rabbit_quorum_queue:delete_member(V, N, node()) of
                ok ->
                    Names = maps:get(names, ra_system:fetch(quorum_queues)),
                    dets:delete(maps:get(directory_rev, Names), Name(Q)),
                    rabbit_quorum_queue:add_member(V, N, node(), 30000);
                Refused -> Refused
            end;
        leader ->
            case lists:any(fun(Node) ->
                ra:trigger_election({{Name(Q), Node}}),
                element(1, ra:members({{Name(Q), Node}}, 2000)) =:= ok end, Replicas(Q)) of
                true -> ok;
                false -> no_leader
            end;
        majority -> no_majority
    end,
    #{{vhost => V, name => N, result => list_to_binary(io_lib:format("~0p", [Done]))}}
 end || {{V, N, Lack, Q}} <- Ill, lists:member({{V, N}}, Wanted)]
"""
_DOWN = {
    "is_running": False,
    "cluster": None,
    "is_paused": False,
    "is_hanging": False,
    "members": [],
    "running": [],
    "partitions": [],
    "queues": [],
    "ill_queues": [],
}


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
    found = installed() and _machine_runs() and _asked(_STATUS, node)
    if not found:
        return __utils__["openstack_ha_rabbitmq.stopped_status"](node)
    try:
        return __utils__["openstack_ha_rabbitmq.parse_status"](found, node)
    except ValueError as exc:
        raise CommandExecutionError(f"the status of {node}: {exc}") from exc


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
    return not os.path.exists(f"{_DATABASES}/{_node()}/schema.DAT")


def evidence():
    """
    Return what this broker is, in the form that ``openstack_ha_rabbitmq_membership`` documents.

    One that runs writes down which cluster it is of, for the day on which it does not.

    Raises CommandExecutionError when something cannot be told: unknown is not absent.

    CLI Example:

    .. code-block:: bash

        salt '*' openstack_ha_rabbitmq.evidence
    """
    unit = _unit(_SERVICE)["ActiveState"]
    seen = None if unit in _STILL or not installed() else _look(_node())
    members = (seen and seen["members"]) or _members_on_disk()
    seen = seen or _DOWN
    if seen["cluster"]:
        _remember(seen["cluster"])
    return {
        **seen,
        "cluster": seen["cluster"] or (None if is_blank() else _remembered()),
        "is_ready": installed() and os.path.exists(_CONFIG),
        "unit": unit,
        # Before a start is over, the machine alone runs for a moment too.
        "is_paused": seen["is_paused"] and unit == "active",
        "reaches": _serving_peers() if unit == "active" and not seen["is_running"] else [],
        "is_blank": is_blank(),
        "members": members,
    }


def launch():
    """
    Start a broker that has a database, and do not wait for what comes of it.

    Returns an empty mapping.

    Raises CommandExecutionError when it has no database, or systemd refuses.

    CLI Example:

    .. code-block:: bash

        salt ctl1 openstack_ha_rabbitmq.launch
    """
    if is_blank():
        raise CommandExecutionError(
            f"{_node()} has no database; `openstack_ha_rabbitmq.join` starts such a broker"
        )
    _systemctl("start", _SERVICE, 30, "--no-block")
    return {}


def join():
    """
    Start a broker that has no database, so that it joins its peers' cluster.

    Returns the status after it.

    Raises CommandExecutionError when it has a database, when no peer's broker serves, and as
    ``start`` does.

    CLI Example:

    .. code-block:: bash

        salt ctl3 openstack_ha_rabbitmq.join
    """
    _check_blank()
    if not any(peer["serves"] for peer in peers().values()):
        raise CommandExecutionError(f"no peer's broker serves that {_node()} could join")
    return start()


def form():
    """
    Start a broker that has no database, while no controller's broker has one: the first of them
    makes the cluster, the others join it. It gets the pillar's definitions.

    Returns the status after it.

    Raises CommandExecutionError when it has a database, and as ``start`` does.

    CLI Example:

    .. code-block:: bash

        salt ctl1 openstack_ha_rabbitmq.form
    """
    _check_blank()
    found = start()
    apply()
    return found


def start(service=_SERVICE, timeout=300):
    """
    Start the broker and wait until it serves.

    service
        The systemd unit; its readiness is what is waited for.

    timeout
        Seconds. systemd goes on when they are over.

    One that has no database and is still a member of its peers' cluster, since it was wiped, is
    forgotten there first: else its quorum queues' replicas would come back with the right to vote
    and without what they had confirmed. It gets its replicas again when it has joined.

    Returns the status after it.

    Raises CommandExecutionError when the unit fails, or does not serve in time; and of one without
    a database, when it does not reach a majority of the controllers' hosts, or a peer that waits
    for the others knows it.

    CLI Example:

    .. code-block:: bash

        salt ctl1 openstack_ha_rabbitmq.start
    """
    with _alone():
        if is_blank():
            _check_majority()
            _leave_as_wiped()
            with _allowed_to_be_blank():
                _systemctl("start", service, timeout)
            grow()
    _systemctl("start", service, timeout)
    return status()


def relaunch():
    """
    Start a broker's Erlang machine anew, when the broker in it stopped and did not start again.

    It has nothing to save: it serves nobody, and what it confirmed before is on its disk.

    Returns an empty mapping.

    Raises CommandExecutionError when the broker runs, or systemd refuses.

    CLI Example:

    .. code-block:: bash

        salt ctl1 openstack_ha_rabbitmq.relaunch
    """
    if evidence()["is_running"]:
        raise CommandExecutionError(f"{_node()} runs; nothing was done")
    # An application that hangs in its start does not answer a request to stop either.
    _systemctl("kill", _SERVICE, 30, "--signal=KILL")
    # Not a start: systemd may not have heard of the end yet.
    _systemctl("restart", _SERVICE, 30, "--no-block")
    return {}


def resume():
    """
    Let a broker go on that paused as a minority.

    Returns the status after it.

    Raises CommandExecutionError when it is not paused, or does not start.

    CLI Example:

    .. code-block:: bash

        salt ctl1 openstack_ha_rabbitmq.resume
    """
    if not evidence()["is_paused"]:
        raise CommandExecutionError(f"{_node()} is not paused; nothing was done")
    _call("rabbitmqctl", "start_app", timeout=300)
    return status()


def forget(broker):
    """
    Take a broker that does not run, and will not come back with its data, out of the cluster.

    broker
        The broker's full name, e.g. rabbit@ctl3.

    Its replicas of quorum queues go too. Should it come back with its data all the same, that is
    moved away and it joins anew.

    Returns the status after it.

    Raises CommandExecutionError when the broker runs, or is no member.

    CLI Example:

    .. code-block:: bash

        salt ctl1 openstack_ha_rabbitmq.forget rabbit@ctl3
    """
    _call("rabbitmqctl", "forget_cluster_node", broker)
    return status()


def grow():
    """
    Give this broker a replica of each quorum queue that has lost one.

    Returns ``{"grown": bool}``.

    Raises CommandExecutionError when a queue did not take it.

    CLI Example:

    .. code-block:: bash

        salt ctl3 openstack_ha_rabbitmq.grow
    """
    node = _node()
    if not _is_lacking(_look(node)):
        return {"grown": False}
    # With more than three controllers not every queue has a replica everywhere: those with an even
    # number have lost one.
    which = "all" if len(_view()["controllers"]) <= _REPLICAS else "even"
    text = _call("rabbitmq-queues", "grow", node, which, timeout=300)
    if _is_lacking(_look(node)):
        raise CommandExecutionError(f"rabbitmq-queues grow {node} {which}: {text.strip()}")
    return {"grown": True}


def repair(queues):
    """
    Mend quorum queues that are ill, as this broker's evidence tells: one without its replica here
    gets a new one from the leader, one without a leader elects one.

    queues
        ``[vhost, name]`` of each. One that is not ill (any more) is left alone, as is one without a
        majority of its members.

    Returns ``{"repaired": number}``.

    Raises CommandExecutionError when a queue could not be mended.

    CLI Example:

    .. code-block:: bash

        salt ctl3 openstack_ha_rabbitmq.repair '[["/", "notifications.info"]]'
    """
    wanted = ", ".join(f"{{{_binary(vhost)}, {_binary(name)}}}" for vhost, name in queues)
    done = _answered(f"Wanted = [{wanted}],{_REPAIR}", timeout=300)
    failed = [
        f"{one['name']} in {one['vhost']}: {one['result']}" for one in done if one["result"] != "ok"
    ]
    if failed:
        raise CommandExecutionError(
            f"{_node()} could not mend quorum queues: {'; '.join(failed)}; see "
            "docs/runbooks/broken-rabbitmq.md, 'A quorum queue is ill'"
        )
    return {"repaired": len(done)}


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

        salt ctl3 openstack_ha_rabbitmq.set_aside rabbit@ctl3
    """
    _check_meant(broker)
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
    _stop()
    for name in (broker, f"{broker}-feature_flags"):
        if os.path.exists(f"{_DATABASES}/{name}"):
            os.rename(f"{_DATABASES}/{name}", f"{moved_to}/{name}")
    with contextlib.suppress(FileNotFoundError):
        os.unlink(_CLUSTER)
    return {"moved_to": moved_to}


def rejoin_forgotten():
    """
    Move the database of a broker away that its peers' cluster does not know any more, and let it
    join that.

    Returns the status after it.

    Raises CommandExecutionError when the broker runs, or no majority of the controllers' brokers
    runs the cluster that it was of, without it; nothing is done then.

    CLI Example:

    .. code-block:: bash

        salt ctl3 openstack_ha_rabbitmq.rejoin_forgotten
    """
    node, majority = _node(), len(_view()["controllers"]) // 2 + 1
    others = [seen for seen in _looks_at_peers().values() if seen["is_running"]]
    if not any(len(seen["running"]) >= majority for seen in others):
        raise CommandExecutionError(
            f"no cluster of {majority} running brokers was found; {node} keeps its database"
        )
    if any(node in seen["members"] for seen in others) or status()["is_running"]:
        raise CommandExecutionError(f"{node} is a member, or runs; it keeps its database")
    if _remembered() not in {seen["cluster"] for seen in others}:
        raise CommandExecutionError(
            f"{node} is not known to have been of the cluster that runs; it keeps its database. "
            f"`salt-call openstack_ha_rabbitmq.rejoin {node}` gives it up"
        )
    set_aside(node)
    return start()


def stand_down():
    """
    Stop a broker that waits for others, however it does so.

    Returns the status after it.

    Raises CommandExecutionError when it runs, or does not stop.

    CLI Example:

    .. code-block:: bash

        salt ctl2 openstack_ha_rabbitmq.stand_down
    """
    if status()["is_running"]:
        raise CommandExecutionError(f"{_node()} runs; nothing was done")
    _stop()
    return status()


def force_boot(broker, without=()):
    """
    Start this broker from its own tables, without waiting for brokers that stopped after it.

    broker
        The broker's full name, e.g. rabbit@ctl1: the word that it is meant.

    without
        Brokers, one or a list, whose databases are gone for ever. They are forgotten first, and the
        mirrored queues that they led are led by those that have a copy. Without that word RabbitMQ
        drops these queues when the brokers are forgotten later.

    For a person who knows that they do not come back: what they had and this one lacks is lost.
    ``salt-run openstack_ha_rabbitmq.recover`` does all of it.

    Returns the status after it.

    Raises CommandExecutionError when the name is not this broker's, or another one runs.

    CLI Example:

    .. code-block:: bash

        salt ctl1 openstack_ha_rabbitmq.force_boot rabbit@ctl1 without=rabbit@ctl3
    """
    _check_meant(broker)
    running = [peer for peer, seen in peers().items() if seen["serves"]]
    if running or status()["is_running"]:
        raise CommandExecutionError(
            f"{', '.join(running) or broker} runs already; nothing was done"
        )
    _stop()
    for lost in [without] if isinstance(without, str) else without:
        _call("rabbitmqctl", "forget_cluster_node", "--offline", lost, timeout=300)
    _call("rabbitmqctl", "force_boot")
    return start()


def serves():
    """
    Return whether the broker takes work: it runs, and is not in maintenance.

    Raises CommandExecutionError when it cannot be told.

    CLI Example:

    .. code-block:: bash

        salt ctl1 openstack_ha_rabbitmq.serves
    """
    seen = status()
    return seen["is_running"] and seen["node"] not in seen["maintenance"]


def obstacle():
    """
    Return why this broker cannot be taken away now, as a clause; None when nobody would miss it.

    Every other member has to run, outside of maintenance, and no queue may depend on this broker
    alone (``rabbitmq-queues check_if_node_is_quorum_critical`` and
    ``check_if_node_is_mirror_sync_critical``).

    Raises CommandExecutionError when it cannot be told.

    CLI Example:

    .. code-block:: bash

        salt ctl1 openstack_ha_rabbitmq.obstacle
    """
    seen = status()
    if not seen["is_running"]:
        return f"{seen['node']} has not started yet, or is paused"
    down = sorted(set(seen["disk_nodes"]) - set(seen["running_nodes"]))
    if down:
        return f"{', '.join(down)} does not run"
    if seen["maintenance"]:
        return f"{', '.join(seen['maintenance'])} is in maintenance"
    if seen["disk_nodes"] == [seen["node"]]:
        return None
    for check in ("check_if_node_is_quorum_critical", "check_if_node_is_mirror_sync_critical"):
        if _run("rabbitmq-queues", check)["retcode"]:
            return f"queues depend on it alone (rabbitmq-queues {check})"
    return None


def drain():
    """
    Hand this broker's queues over and send its clients to the others, before it is restarted.

    Raises CommandExecutionError when RabbitMQ does not do it (``rabbitmq-upgrade drain``).

    CLI Example:

    .. code-block:: bash

        salt ctl1 openstack_ha_rabbitmq.drain
    """
    _call("rabbitmq-upgrade", "drain", timeout=300)


def revive():
    """
    Let a drained broker take work again; one that has restarted does so already.

    Raises CommandExecutionError when RabbitMQ does not do it (``rabbitmq-upgrade revive``).

    CLI Example:

    .. code-block:: bash

        salt ctl1 openstack_ha_rabbitmq.revive
    """
    seen = status()
    if seen["node"] in seen["maintenance"]:
        _call("rabbitmq-upgrade", "revive")


def definitions():
    """
    Return the broker's definitions (vhosts, users, permissions, policies, queues, ..), without
    password hashes.

    Raises CommandExecutionError when the broker does not give them.

    CLI Example:

    .. code-block:: bash

        salt ctl1 openstack_ha_rabbitmq.definitions
    """
    text = _call("rabbitmqctl", "export_definitions", "-", "--format", "json")
    try:
        found = json.loads(text)
    except ValueError as exc:
        raise CommandExecutionError(
            f"rabbitmqctl export_definitions on {_node()} printed no JSON: {exc}"
        ) from exc
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
    current = _answered(_DEFINITIONS) if seen["is_running"] else {}
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
    Move this broker's database away, messages included, and let it join its peers' cluster.

    For a person, about a broker that has a cluster of its own; no state calls it.

    broker
        The broker's full name, e.g. rabbit@ctl3: the word that it is meant.

    Returns the status after it. The database is kept, as ``set_aside`` says.

    Raises CommandExecutionError when the name is not this broker's, or no peer serves that it could
    join.

    CLI Example:

    .. code-block:: bash

        salt ctl3 openstack_ha_rabbitmq.rejoin rabbit@ctl3
    """
    _check_meant(broker)
    if not any(peer["serves"] for peer in peers().values()):
        raise CommandExecutionError(
            f"no other controller's broker serves, so {broker} would be alone again; nothing was "
            "done. Start another one first"
        )
    set_aside(broker)
    return start()


def _stop():
    # One that waits for others does not hear the broker's own way to stop.
    _quiet(["systemctl", "kill", "--signal=KILL", _SERVICE], 30)
    _systemctl("stop", _SERVICE, 300)


def _check_meant(broker):
    if broker != _node():
        raise CommandExecutionError(
            f"this broker is {_node()}, not {broker}; nothing was done. Name the broker that is "
            "meant"
        )


def _remember(cluster):
    if cluster != _remembered():
        os.makedirs(os.path.dirname(_CLUSTER), mode=0o755, exist_ok=True)
        with salt.utils.atomicfile.atomic_open(_CLUSTER, "w") as handle:
            handle.write(cluster)


def _remembered():
    try:
        with open(_CLUSTER, encoding="utf-8") as handle:
            return handle.read() or None
    except FileNotFoundError:
        return None


def _check_blank():
    if not is_blank():
        raise CommandExecutionError(f"{_node()} has a database; nothing was done")


def _check_majority():
    """Two halves of a network that was cut do not both make a cluster."""
    found = peers()
    silent = [peer for peer, seen in found.items() if not seen["answers"]]
    reached = len(found) + 1 - len(silent)
    if not __utils__["openstack_ha_rabbitmq.may_form"](len(found) + 1, reached):
        raise CommandExecutionError(
            f"{_node()} has no database and reaches only {reached} of {len(found) + 1} "
            f"controllers' hosts; nothing was done. No answer from those of {', '.join(silent)}: "
            "start them, or mend the network between"
        )


def _leave_as_wiped():
    """End the membership that this broker has at its peers and has no database for."""
    node = _node()
    knowing = {peer: seen for peer, seen in _looks_at_peers().items() if node in seen["members"]}
    running = [peer for peer, seen in knowing.items() if seen["is_running"]]
    if knowing and not running:
        raise CommandExecutionError(
            f"{node} has no database, and {', '.join(knowing)} does not run and knows it as a "
            "member; a start now could cost messages. `"
            + __utils__["openstack_ha_rule.show"](_view()["name"], "rabbitmq")
            + "` tells more; docs/runbooks/broken-rabbitmq.md, 'Brokers wait for one another'"
        )
    for peer in running[:1]:
        # A minority cannot change a quorum queue's replicas.
        if 2 * len(knowing[peer]["running"]) > len(knowing[peer]["members"]):
            _call("rabbitmqctl", "forget_cluster_node", node, "--node", peer)


@contextlib.contextmanager
def _alone():
    """The master's order and a state run can want the same at the same time."""
    os.makedirs(os.path.dirname(_LOCK_FILE), mode=0o755, exist_ok=True)
    with open(_LOCK_FILE, "w", encoding="utf-8") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def _allowed_to_be_blank():
    with open(_MAY_BE_BLANK, "w", encoding="utf-8"):
        pass
    try:
        yield
    finally:
        os.unlink(_MAY_BE_BLANK)


def _serving_peers():
    return sorted(broker for broker, one in peers().items() if one["serves"])


def _looks_at_peers():
    """What the peers' Erlang machines know, of those that run."""
    view = _view()
    found = {}
    for controller in view["controllers"]:
        is_self = controller["id"] == view["self"]["id"]
        if is_self or not _probe(controller["address"], _CLUSTER_PORT)["serves"]:
            continue
        seen = _look(_name(controller))
        if not seen:
            continue
        if not seen["members"]:
            raise CommandExecutionError(
                f"{_name(controller)} is starting, and cannot tell yet who its cluster is; nothing "
                f"was done. `salt {controller['id']} openstack_ha_rabbitmq.evidence` tells it then"
            )
        found[_name(controller)] = seen
    return found


def _look(broker):
    """What the broker's Erlang machine knows; None when there is none."""
    return _asked(_LOOK, broker)


def _answered(expressions, **kwargs):
    """What expressions come to in the Erlang machine of this broker, which runs."""
    (answer,) = _asked(f"[begin {expressions} end]", _node(), **kwargs) or [None]
    if answer is None:
        raise CommandExecutionError(f"{_node()} ended while it was asked; apply the state again")
    return answer


def _asked(expressions, broker, timeout=_TOOL_TIMEOUT):
    """What Erlang's expressions come to in the broker's machine; None when there is no machine."""
    if not os.path.exists(_CLIENT):
        raise CommandExecutionError(
            f"{_CLIENT} is missing; apply openstack_ha.rabbitmq to install RabbitMQ"
        )
    # In letters that no console changes.
    line = f"io:put_chars(base64:encode(rabbit_json:encode(begin {expressions} end))).\n"
    argv = ["runuser", "-u", _USER, "--", _CLIENT, "-sname", broker, "-e", "-fetch_stdout"]
    deadline = time.monotonic() + _BEGIN
    while True:
        result = _quiet(argv, timeout, line)
        answer, said = re.match(r"([A-Za-z0-9+/=]*)(.*)", result["stdout"], re.DOTALL).groups()
        if said.strip() == "{ok, ok}":
            return json.loads(base64.b64decode(answer))
        if result["retcode"] and not _has_machine(broker):
            return None
        reason = (result["stderr"] or said).strip()[:_SHOWN]
        if _NO_CONNECTION not in reason or time.monotonic() >= deadline:
            break
        time.sleep(_BEGIN_POLL)
    raise CommandExecutionError(
        f"{broker} did not answer erl_call ({result['retcode']}): {reason} "
        "(`rabbitmq-diagnostics status` on the node tells more)"
    )


def _binary(text):
    """The text as Erlang's binary, whatever is in it."""
    return f"<<{','.join(str(byte) for byte in text.encode())}>>"


def _has_machine(broker):
    """Whether something listens where the broker's Erlang machine would."""
    (address,) = (one["address"] for one in _view()["controllers"] if _name(one) == broker)
    seen = _probe(address, _CLUSTER_PORT)
    # This host itself is never silent because it is down.
    return seen["serves"] or (broker == _node() and not seen["answers"])


def _is_lacking(seen):
    """Whether a quorum queue lost a replica that this broker could have."""
    return bool(seen) and __utils__["openstack_ha_rabbitmq_membership.lacks_replicas"](
        _node(), seen["members"], seen["queues"]
    )


def _members_on_disk():
    path = f"{_DATABASES}/{_node()}/cluster_nodes.config"
    try:
        with open(path, encoding="utf-8") as handle:
            return __utils__["openstack_ha_rabbitmq.parse_cluster_nodes"](handle.read())
    except FileNotFoundError:
        return []
    except ValueError as exc:
        raise CommandExecutionError(f"{path}: {exc}") from exc


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
    return _unit(_SERVICE)["ActiveState"] not in _STILL


def _systemctl(verb, service, timeout, *options):
    result = _quiet(["systemctl", verb, *options, service], timeout)
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


def _unit(service):
    shown = _quiet(["systemctl", "show", service, "--property=ActiveState"], 30)
    if shown["retcode"]:
        raise CommandExecutionError(f"systemctl show {service}: {shown['stderr']}")
    return dict(line.split("=", 1) for line in shown["stdout"].splitlines() if line)
