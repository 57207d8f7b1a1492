"""
Whether a whole cluster serves: one pure rule over what each node says of itself.

A reply is the mapping of ``openstack_ha.node_status``, a text when the node answered with an error,
or None when it did not answer. In a reply, a text stands for a probe that failed: what is unknown
is a fault of its own and never taken for absent.
"""

import time

import openstack_ha_age
import openstack_ha_nova_network_node
import openstack_ha_nova_status
import openstack_ha_rule
import openstack_ha_swift_rule
import openstack_ha_swift_spread
import openstack_ha_units

HEALTHY = "healthy"
# It serves, and something of it does not.
DEGRADED = "degraded"
# Nothing that was found shows that it serves.
DEAD = "dead"

VERDICTS = (HEALTHY, DEGRADED, DEAD)
# What HAProxy serves and the nodes are asked about themselves.
ASKED_ITSELF = ("mysql", "rabbitmq")
PROBES = ("holds_vip", "galera", "rabbitmq", "haproxy", "certificates", "nova")
OF_COMPUTE = ("networks",)
OF_ALL = ("units", "rejoin")
# Parts whose servers tell more of themselves than their units do.
TELLING = ("galera", "rabbitmq")
# A member on its way to Synced, beside a Primary component.
JOINING = ("joining", "Joining", "Joiner", "Joined", "Donor/Desynced")
# Seconds without a look of the master's after which its decisions are old: its schedule looks each
# 30 s.
STALE = 300
# What mends a key, by what became of it.
KEYS = {
    "pending": "its key waits to be accepted: `salt-key --accept={0}`",
    "rejected": "its key was rejected: `salt-key --include-all --accept={0}`",
    "denied": "its key is another one than the accepted: `salt-key --delete={0}`, then restart its "
    "salt-minion",
    "absent": "the master has never heard it: its salt-minion needs this master and the id {0}, "
    "then `salt-key --accept={0}`",
}
# Days in which a certificate can be ordered, signed and brought by people.
DAYS_FOR_A_CERTIFICATE = 14


def assess(cluster, replies, records, now, keys=None):
    """
    Return one view of the cluster, with the verdict and every fault.

    cluster
        ``{name, vip, nodes}`` of a complete cluster.

    replies
        Reply by node; one that is missing is one that did not answer.

    records
        The master's records by system, ``galera``, ``rabbitmq`` and others; an empty one where
        nothing was decided yet.

    now
        Seconds since the epoch.

    keys
        What became of the nodes' keys, as the runner ``openstack_ha_members.keys`` tells it;
        accepted where it is not told.

    Returns ``{"name", "verdict", "retcode", "faults", "progress", "silent", "vip": {"address",
    "holders"}, "nodes", "compute", "storage", "rings", "units", "floor", "decisions"}``.
    ``retcode`` is 0 when healthy, 1 when degraded, 2 when dead. ``faults`` are lines, each with the
    thing, its value and the command that shows or mends it; ``progress`` are lines of what is under
    way. ``silent`` are those that did not answer. ``units`` has the units' states by node and part,
    ``storage`` what a storage node's Swift tells, ``rings`` the rings as ``openstack_ha_swift``
    has them. ``nodes`` has a node's ``holds_vip``, ``galera`` (``{state,
    component, size, uuid, seqno}``), ``rabbitmq`` (``{is_running, running, partitions,
    alarms}``) and ``haproxy`` (back end -> server -> whether it serves), ``certificates`` (file ->
    its end) and ``nova`` (``{hypervisors, services, unmapped}``, None without Nova), or the text or
    None of its reply; ``compute`` has a compute node's ``hypervisor`` (``{is_up, machines,
    running}`` as a controller's database has it, None where that is not known) and ``bridges`` as
    ``openstack_ha_nova_network`` has them, or the text or None of its reply. ``decisions`` has
    each system's last ``{verdict, nodes, why, way_out, since, looked, age, stale}``, the first
    two times in seconds since the epoch, the others as people read them, ``stale`` None unless the
    last look is old; or None.
    """
    members = {one: node for one, node in cluster["nodes"].items() if "controller" in node["roles"]}
    nodes = {one: _node(replies.get(one), PROBES) for one in members}
    compute = {
        one: _node(replies.get(one), OF_COMPUTE)
        for one, node in cluster["nodes"].items()
        if "compute" in node["roles"]
    }
    everywhere = {one: _node(replies.get(one), OF_ALL) for one in cluster["nodes"]}
    swift, rings = _swift(cluster, replies, records, now)
    holders = sorted(_probed(nodes, "holds_vip", lambda holds: holds is True))
    brokers = [f"rabbit@{node['hostname']}" for node in members.values()]
    decisions = {system: _decision(record, now) for system, record in records.items()}
    faults = [
        *_file(cluster, now),
        *_stale(cluster["name"], records, now),
        *_not_answering(everywhere, keys or {}),
        *_failing(nodes),
        *_failing(compute),
        *_failing(everywhere),
        *_not_running(everywhere),
        *_vip(cluster["vip"]["address"], holders, list(members)),
        *_galera(cluster["name"], nodes, decisions["galera"]),
        *_rabbitmq(cluster["name"], nodes, brokers),
        *_haproxy(nodes, holders),
        *_apis(nodes, holders),
        *_certificates(nodes, now),
        *_nova(cluster, nodes),
        *_networks(compute),
        *swift,
        *_refusals(cluster["name"], decisions),
        *_failures(cluster["name"], records),
    ]
    progress = [*_progress(everywhere, decisions, now), *_joining(nodes)]
    weights = [weight for weight, _ in [*faults, *progress]]
    verdict = max([HEALTHY, *weights], key=VERDICTS.index)
    return {
        "name": cluster["name"],
        "verdict": verdict,
        "retcode": VERDICTS.index(verdict),
        "faults": [line for _, line in faults],
        "progress": [line for _, line in progress],
        "silent": [one for one, told in everywhere.items() if told is None],
        "vip": {"address": cluster["vip"]["address"], "holders": holders},
        "nodes": nodes,
        "compute": _compute(cluster, nodes, compute),
        "storage": {
            one: _disks(told["swift"])
            for one, told in replies.items()
            if isinstance(told, dict) and _is_storage(cluster, one) and "swift" in told
        },
        "rings": rings,
        "units": {
            one: told["units"] if isinstance(told, dict) else told
            for one, told in everywhere.items()
        },
        "floor": records["galera"].get("floor"),
        "decisions": decisions,
    }


def _disks(told):
    """What a storage node tells, with the age of its oldest replication as people read it."""
    if not isinstance(told, dict):
        return told
    ages = [seconds for seconds in told["replicated"].values() if seconds is not None]
    return {**told, "oldest": f"{openstack_ha_age.age(max(ages))} ago" if ages else None}


def _is_storage(cluster, node):
    return "storage" in cluster["nodes"].get(node, {"roles": []})["roles"]


def _file(cluster, now):
    """A cluster file with a fault: what it said before counts until it is mended."""
    broken = cluster.get("broken")
    if broken:
        more = len(broken["faults"]) - 1
        yield (
            DEGRADED,
            f"{cluster['file']} is broken since {openstack_ha_age.ago(broken['since'], now)}, and "
            f"what it said before counts: {broken['faults'][0]}"
            f"{f' (and {more} more)' if more else ''}: `salt-run openstack_ha.check`",
        )


def _decision(record, now):
    if "decision" not in record:
        return None
    looked = record.get("looked", record["decided"])
    ages = {"age": openstack_ha_age.age(now - record["decided"]), "stale": None}
    if now - looked > STALE:
        ages["stale"] = openstack_ha_age.age(now - looked)
    return {**record["decision"], "since": record["decided"], "looked": looked, **ages}


def _node(reply, probes):
    """A reply without what nobody asks about; texts and None stay as they are."""
    if not isinstance(reply, dict):
        return reply
    short = {"galera": _galera_member, "rabbitmq": _rabbitmq_member}
    # What a module of before does not tell is as unknown as what it fails to tell.
    told = {probe: reply.get(probe, "an older module does not tell it") for probe in probes}
    return {
        probe: short[probe](found) if probe in short and isinstance(found, dict) else found
        for probe, found in told.items()
    }


def _galera_member(status):
    wsrep = status["wsrep"] or {}
    return {
        "state": wsrep.get("local_state_comment") or status["server"],
        "component": wsrep.get("cluster_status"),
        "size": wsrep.get("cluster_size"),
        "uuid": wsrep.get("state_uuid"),
        "seqno": wsrep.get("last_committed"),
    }


def _rabbitmq_member(status):
    return {
        "is_running": status["is_running"],
        "running": status["running_nodes"],
        "partitions": {one: others for one, others in status["partitions"].items() if others},
        "alarms": status["alarms"],
    }


def _probed(nodes, probe, wanted=lambda value: True):
    """What a probe told by node, of those where it did not fail and is what is wanted."""
    return {
        one: node[probe]
        for one, node in nodes.items()
        if isinstance(node, dict) and not isinstance(node[probe], str) and wanted(node[probe])
    }


def _stale(name, records, now):
    """Decisions that nobody has looked at again tell of another day."""
    looked = [record["looked"] for record in records.values() if "looked" in record]
    if looked and now - max(looked) > STALE:
        yield (
            DEGRADED,
            f"nobody has looked after {name} for {openstack_ha_age.age(now - max(looked))}, so the "
            "decisions below are old: `systemctl restart salt-master`, "
            f"`salt-run openstack_ha.reconcile {name}`",
        )


def _not_running(nodes):
    """Units that should run and do not, also where everything still serves: their spare is lost."""
    for one, node in nodes.items():
        if not isinstance(node, dict) or isinstance(node["units"], str):
            continue
        rejoin = node["rejoin"]
        if isinstance(rejoin, dict) and not rejoin["is_deployed"]:
            if not rejoin["is_applying"]:
                yield DEGRADED, f"{one} has had no whole highstate: `salt {one} state.highstate`"
            continue
        for part, units in node["units"].items():
            stopped = {unit: state for unit, state in units.items() if not _is_up(state)}
            if stopped and part not in TELLING:
                names = " ".join(unit.removesuffix(".service") for unit in stopped)
                states = ", ".join(dict.fromkeys(stopped.values()))
                yield (
                    DEGRADED,
                    f"{part} of {one} lacks {names.replace(' ', ', ')} ({states}): "
                    f"`salt {one} cmd.run 'systemctl start {names}'`",
                )


def _is_up(state):
    return state in openstack_ha_units.RUNNING or state in openstack_ha_units.UNDER_WAY


def _progress(nodes, decisions, now):
    """What is under way; by itself it is no fault."""
    for one, node in nodes.items():
        if not isinstance(node, dict):
            continue
        if isinstance(node["rejoin"], dict) and node["rejoin"]["is_applying"]:
            yield HEALTHY, f"{one}: a state run is at work"
        for units in node["units"].values() if isinstance(node["units"], dict) else ():
            for unit, state in units.items():
                if state in openstack_ha_units.UNDER_WAY:
                    yield HEALTHY, f"{one}: {unit} is {state}"
    for system, decision in decisions.items():
        if decision and decision["verdict"] not in ("settled", "refuse"):
            age = openstack_ha_age.age(now - decision["since"])
            where = f" of {', '.join(decision['nodes'])}" if decision["nodes"] else ""
            verdict = decision["verdict"]
            yield HEALTHY, f"{system}: {verdict}{where} for {age}: {decision['why']}"


def _joining(nodes):
    """Members on their way, while others serve: the cluster is not whole before they are there."""
    members = _probed(nodes, "galera")
    if any(member["component"] == "Primary" for member in members.values()):
        for one, member in members.items():
            if member["state"] in JOINING:
                yield DEGRADED, f"Galera of {one} is {member['state']}"


def _swift(cluster, replies, records, now):
    """What is wrong with rings and disks, and the rings; nothing where there are none."""
    if not cluster.get("swift", {}).get("owner"):
        return [], {}
    told = {
        one: reply["swift"]
        for one, reply in replies.items()
        if isinstance(reply, dict) and "swift" in reply
    }
    record = {"spread": {}, **records.get("swift", {})}
    whose = openstack_ha_swift_rule.rings(cluster)
    faults, rings = openstack_ha_swift_spread.seen(whose, told, record, now)
    failed = [f"Swift of {one}: {text}" for one, text in told.items() if isinstance(text, str)]
    command = f"`salt-run openstack_ha_swift.status {cluster['name']}`"
    return [(DEGRADED, f"{line}: {command}") for line in [*failed, *faults]], rings


def _not_answering(nodes, keys):
    for one, node in nodes.items():
        if node is None and keys.get(one, "accepted") in KEYS:
            yield DEGRADED, f"{one} did not answer: {KEYS[keys[one]].format(one)}"
        elif node is None:
            yield (
                DEGRADED,
                f"{one} did not answer: `salt {one} test.ping`, `systemctl status salt-minion` "
                "on it",
            )
        elif isinstance(node, str):
            yield DEGRADED, f"{one} answered {node}: `salt {one} saltutil.sync_all`"


def _failing(nodes):
    for one, node in nodes.items():
        for probe, told in node.items() if isinstance(node, dict) else ():
            if isinstance(told, str):
                yield (
                    DEGRADED,
                    f"{probe} of {one} is unknown: {told} (`salt {one} openstack_ha.node_status` "
                    "asks again)",
                )


def _vip(address, holders, members):
    if len(holders) == 1:
        return
    names = ",".join(holders or members)
    command = f"`salt -L {names} cmd.run 'journalctl -n 20 -u keepalived'`"
    if holders:
        yield DEGRADED, f"the VIP {address} is held by {' and '.join(holders)}: {command}"
    else:
        yield DEAD, f"the VIP {address} was found on no controller: {command}"


def _galera(name, nodes, decision):
    members = _probed(nodes, "galera")
    primary = {one: member for one, member in members.items() if member["component"] == "Primary"}
    command = f"`{openstack_ha_rule.show(name, 'galera')}`"
    if not primary:
        last = decision or {"verdict": "none", "why": "the master was never asked"}
        yield (
            DEAD,
            "Galera has no Primary component; the last decision is "
            f"{last['verdict']}, {last['why']}: {command}",
        )
    for one, member in members.items():
        if primary and member["state"] in JOINING:
            # On its way, which is told as that.
            continue
        if member["state"] != "Synced" or one not in primary:
            component = f" in a {member['component']} component" if member["component"] else ""
            yield DEGRADED, f"Galera of {one} is {member['state']}{component}: {command}"
    for fault in _components(primary, len(nodes)):
        yield DEGRADED, f"{fault}: {command}"


def _components(primary, count):
    for size in sorted({member["size"] for member in primary.values()} - {count}):
        those = ", ".join(one for one, member in primary.items() if member["size"] == size)
        yield f"Galera's component of {those} has {size} of {count} members"
    uuids = sorted({member["uuid"] for member in primary.values()})
    if len(uuids) > 1:
        yield f"Galera has several clusters, {', '.join(uuids)}"


def _rabbitmq(name, nodes, brokers):
    members = _probed(nodes, "rabbitmq")
    running = {one: member for one, member in members.items() if member["is_running"]}
    command = f"`{openstack_ha_rule.show(name, 'rabbitmq')}`"
    if not running:
        yield DEAD, f"no RabbitMQ broker was found running: {command}"
    for one in sorted(set(members) - set(running)):
        yield DEGRADED, f"RabbitMQ of {one} does not run: {command}"
    for one, member in running.items():
        for fault in _seen_by_a_broker(member, brokers):
            yield DEGRADED, f"RabbitMQ of {one} {fault}: `salt {one} openstack_ha_rabbitmq.status`"


def _seen_by_a_broker(member, brokers):
    missing = [broker for broker in brokers if broker not in member["running"]]
    if missing:
        yield f"does not see {', '.join(missing)} run"
    for broker, others in sorted(member["partitions"].items()):
        yield f"sees {broker} partitioned from {', '.join(others)}"
    for alarm in member["alarms"]:
        yield f"takes no messages, for {alarm['node']} has the alarm {alarm['resource']}"


def _haproxy(nodes, holders):
    """Clients come through the VIP's holder, so a back end that is empty there serves nobody."""
    for one, proxies in _probed(nodes, "haproxy").items():
        command = f"`salt {one} openstack_ha_haproxy.status`"
        weight = DEAD if holders == [one] else DEGRADED
        if not proxies:
            yield weight, f"HAProxy of {one} has no back end: {command}"
        for proxy, servers in proxies.items():
            if not any(servers.values()):
                yield (
                    weight,
                    f"HAProxy of {one} has no serving server in {proxy} "
                    f"({', '.join(servers) or 'no server at all'}): {command}",
                )


def _apis(nodes, holders):
    """Services that some node does not serve, as the VIP's holder finds them."""
    for one, proxies in _probed(nodes, "haproxy").items():
        if holders != [one]:
            continue
        for proxy, servers in proxies.items():
            down = [name for name, serves in servers.items() if not serves]
            if proxy not in ASKED_ITSELF and down and len(down) < len(servers):
                yield (
                    DEGRADED,
                    f"{proxy} of {', '.join(down)} does not serve, as HAProxy of {one} finds: "
                    f"`salt {one} openstack_ha_haproxy.status`",
                )


def _certificates(nodes, now):
    """Certificates that are no longer good, or not for long."""
    for one, ends in _probed(nodes, "certificates").items():
        for file, end in ends.items():
            if end < now + DAYS_FOR_A_CERTIFICATE * 86400:
                when = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(end))
                yield (
                    DEGRADED,
                    f"the certificate of {one} {'ends' if end > now else 'ended'} {when}: "
                    f"give tls:certificate another one, `salt {one} state.apply "
                    f"openstack_ha.haproxy` ({file})",
                )


def _nova(cluster, nodes):
    told = _of_nova(nodes)
    if told:
        yield from ((DEGRADED, line) for line in openstack_ha_nova_status.faults(cluster, told))


def _of_nova(nodes):
    """What a controller tells of Nova, None where none does: the database is theirs together."""
    told = _probed(nodes, "nova", lambda found: found is not None)
    return next(iter(told.values()), None)


def _networks(compute):
    for one, told in _probed(compute, "networks").items():
        lines = openstack_ha_nova_network_node.node_faults(told, one)
        yield from ((DEGRADED, line) for line in lines)


def _compute(cluster, nodes, compute):
    """The compute nodes in short: what the database has of each, and what it says of itself."""
    known = (_of_nova(nodes) or {}).get("hypervisors", {})
    return {
        one: {
            "hypervisor": known.get(cluster["nodes"][one]["hostname"]),
            "bridges": told if not isinstance(told, dict) else _bridges(told["networks"]),
        }
        for one, told in compute.items()
    }


def _bridges(networks):
    return networks if isinstance(networks, str) else networks["bridges"]


def _refusals(name, decisions):
    """What a person has to decide."""
    for system, decision in decisions.items():
        if decision and decision["verdict"] == "refuse":
            command = openstack_ha_rule.show(name, system.partition(".")[0])
            way_out = f"{decision['way_out']}: " if decision["way_out"] else ""
            yield DEGRADED, f"{system}: {decision['why']}; {way_out}`{command}`"


def _failures(name, records):
    """Steps that failed, and are taken again at each look."""
    for system, record in records.items():
        for node, why in (record.get("failures") or {}).items():
            command = openstack_ha_rule.show(name, system.partition(".")[0])
            step = record["decision"]["verdict"]
            yield DEGRADED, f"{system}: {step} of {node} failed: {why}: `{command}`"
