"""
What is asked of a broker's Erlang machine, as expressions that come to what rabbit_json encodes.
"""

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


def status():
    """
    Return what tells the state of a broker and of its cluster; null of one that does not run.
    """
    return _STATUS


def definitions():
    """
    Return what tells the definitions that the formula looks after, with hashes of passwords.
    """
    return _DEFINITIONS


def look():
    """
    Return what tells what a machine knows, also while the broker in it does not run.
    """
    return _LOOK


def repair(queues):
    """
    Return what mends quorum queues that are ill, and tells of each what came of it.

    queues
        ``[vhost, name]`` of each.
    """
    wanted = ", ".join(f"{{{_binary(vhost)}, {_binary(name)}}}" for vhost, name in queues)
    return f"Wanted = [{wanted}],{_REPAIR}"


def _binary(text):
    """The text as Erlang's binary, whatever is in it."""
    return f"<<{','.join(str(byte) for byte in text.encode())}>>"
