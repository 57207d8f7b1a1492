"""
Who of the controllers' brokers starts, joins or goes: one pure rule over what each says of itself.

Evidence of one controller is a mapping with all of these keys. None is a controller that did not
answer; a mapping of another shape (an old version of the module made it) is not known either.

is_ready
    The broker is installed and configured, so it can be started.
unit
    What systemd says of the unit: ``active``, ``activating``, ``deactivating``, ``inactive``, ..
is_running
    The broker runs: it is more than the Erlang machine that it runs in.
is_paused
    The machine runs and the broker in it was stopped, as a minority does that waits for the others.
is_hanging
    The broker is starting, has its tables, and waits for its machine to agree with the others' on
    Erlang's global names.
reaches
    Of a machine without a running broker in it, the other brokers that serve as seen from here.
is_blank
    It has no database.
cluster
    RabbitMQ's id of the cluster that its database is of, when it is known.
members
    The brokers of its cluster: as the running broker knows them, else as its disk does.
running_at_shutdown
    The brokers that ran when its own stopped, as its disk knows: the one that stopped last was
    alone.
running
    Of a running broker, those of them that it sees running.
partitions
    Of a running broker, those that it was parted from.
queues
    Of a running broker, the different sets of members that quorum queues have.
ill_queues
    Of a running broker whose cluster is whole, the first of the quorum queues that it answers for
    and that are ill now, as ``{"vhost", "name", "lacks"}``. They lack the ``replica`` here, while a
    leader and most of the members are there; or their ``leader``, while all members are there; or
    a ``majority``, which is anything worse.
"""

import shlex

import openstack_ha_rule

SHAPE = {
    "is_ready": bool,
    "unit": str,
    "is_running": bool,
    "is_paused": bool,
    "is_hanging": bool,
    "reaches": [str],
    "is_blank": bool,
    "cluster": (None, str),
    "members": [str],
    "running_at_shutdown": [str],
    "running": [str],
    "partitions": [str],
    "queues": [[str]],
    "ill_queues": [{"vhost": str, "name": str, "lacks": str}],
}

# Every broker that can be is in the one cluster.
SETTLED = "settled"
# ``nodes`` have a database and start, all at once: those that went first wait for the last one.
LAUNCH = "launch"
# ``nodes``, one, has no database and joins the cluster that runs.
JOIN = "join"
# ``nodes`` have no database, nor has anybody else: they form the cluster, all at once.
FORM = "form"
# ``nodes``, one, paused as a minority, goes on: no other broker has a database.
RESUME = "resume"
# ``nodes``, one, paused or began to go on, and stayed behind: its machine is started anew.
RELAUNCH = "relaunch"
# ``nodes``, one, has the database of a cluster that does not know it any more; it is moved away.
REJOIN_FORGOTTEN = "rejoin_forgotten"
# ``nodes``, one that runs, takes the broker of no controller out of the cluster.
FORGET = "forget"
# ``nodes``, one, gets a replica of each quorum queue that lost one.
GROW = "grow"
# ``nodes``, one, mends the quorum queues of which ``due`` tells.
REPAIR = "repair"
# ``nodes`` stop waiting for others, since a person starts one of them without the rest.
STAND_DOWN = "stand_down"
# ``nodes``, one, starts from its own tables, by a person's word.
FORCE_BOOT = "force_boot"
# Nothing can be decided yet.
WAIT = "wait"
# Nothing will be decided without a person.
REFUSE = "refuse"

# Seconds of waiting for the same after which a person hears of it. Every look decides anew, so the
# refusal ends with its cause.
PATIENCE = 120

# Seconds for the controllers of a first installation to be configured, so that all form the cluster
# at once.
GATHERING = 30

# Seconds for which a quorum queue is ill before it is mended, as an election takes some; how often
# it is mended; and seconds after which the repairs of a queue that is well are forgotten.
LASTING = 20
REPAIRS = 2
FORGOTTEN = 3600
# How many queues a text names.
NAMED = 3

# Seconds for a broker that reaches its cluster again to go on by itself; most need a few. One that
# is started anew is not looked at in this way, so a long start is cut off once at most.
BEHIND = 60

# How many replicas RabbitMQ gives a new quorum queue (quorum_cluster_size).
REPLICAS = 3

FOLDER = "docs/runbooks/"
RUNBOOK = FOLDER + "broken-rabbitmq.md"
# The headings in it that a refusal names.
CLUSTERS = "Two clusters"
SILENT = "A controller does not answer"
TABLES = "Brokers wait for one another"
STUCK = "A broker does not start"
PARTED = "Brokers do not see one another"
ILL = "A quorum queue is ill"
GHOST = "A broker of no controller"


def decide(name, members, evidence, waited=0, *, ill=(), behind=None, now=0):
    """
    Return what is to be done as ``{"verdict", "nodes", "why", "way_out"}``.

    name
        The cluster's name, for the commands that a refusal gives.

    members
        Broker by id of all configured controllers, in the pillar's order.

    evidence
        Evidence by id; an id that is missing is a controller that did not answer.

    waited
        Seconds since the first of the looks in a row that could only wait.

    ill
        What ``ailing`` returned.

    behind
        What ``stays_behind`` returned.

    now
        Seconds since the epoch.

    ``way_out`` is the runbook's section and the command for a refusal, else None. The principles
    are those of docs/systems/rabbitmq.md.
    """
    seen = {node: evidence[node] for node in members if _is_complete(evidence.get(node))}
    look = _Look(name, members, seen, waited)
    look.evidence = evidence
    look.unclear = openstack_ha_rule.unclear(members, evidence, seen)
    look.ill, look.behind, look.now = ill, behind or {}, now
    running = look.nodes(lambda one: one["is_running"])
    return _with_cluster(look, running) if running else _without_cluster(look)


def recover(name, members, evidence, first):
    """
    Return what is to be done to start all brokers from one's tables, as ``decide`` does.

    name, members, evidence
        As for ``decide``.

    first
        The controller whose broker goes first, by a person's word: what others have and this one
        lacks is lost. RabbitMQ wants the other brokers stopped while one forgets the lost ones.
    """
    seen = {node: evidence[node] for node in members if _is_complete(evidence.get(node))}
    running = [node for node in seen if seen[node]["is_running"]]
    if running:
        why = f"RabbitMQ runs on {_names(running)}, so nothing is to be recovered from one's tables"
        return _refuse([], why, TABLES, openstack_ha_rule.show(name, "rabbitmq"))
    if first not in seen or seen[first]["is_blank"]:
        why = f"{first} does not answer or has no database to start from"
        return _refuse([], why, TABLES, openstack_ha_rule.show(name, "rabbitmq"))
    owners = [node for node in seen if node != first and not seen[node]["is_blank"]]
    waiting = [node for node in owners if not _is_still(seen[node])]
    if waiting:
        return _word(STAND_DOWN, waiting, f"{_names(waiting)} must not run while {first} starts")
    lost = [members[node] for node in seen if seen[node]["is_blank"]]
    without = f" without {_names(lost)}, which has no database" if lost else ""
    decision = _final(FORCE_BOOT, [first], f"a person chose {first} to start from{without}")
    arguments = {"broker": members[first], "without": lost}
    return {**decision, "ends_wish": True, "arguments": arguments}


def lacks_replicas(broker, members, queues):
    """
    Return whether a quorum queue has fewer replicas than a new one would get, and none here.

    broker
        The broker that could have one.

    members, queues
        Of a running broker's evidence.
    """
    wanted = min(REPLICAS, len(members))
    return any(broker not in queue and len(queue) < wanted for queue in queues)


def stays_behind(members, evidence, before, now):
    """
    Return since when brokers that do not run could, by node.

    members, evidence
        As for ``decide``.

    before
        What this returned at the look before.

    now
        Seconds since the epoch.

    They hang in their start, or reach those that run: a majority of the controllers' brokers, and
    all of them.
    """
    seen = {node: one for node, one in evidence.items() if _is_complete(one)}
    running = {members[node] for node, one in seen.items() if one["is_running"]}
    is_majority = 2 * len(running) > len(members)
    return {
        node: before.get(node, now)
        for node, one in seen.items()
        if not one["is_running"]
        and (one["is_hanging"] or (is_majority and running <= set(one["reaches"])))
    }


def ailing(evidence, before, now):
    """
    Return the quorum queues that are ill, or were mended lately, for the next look to remember.

    evidence
        As for ``decide``.

    before
        What this returned at the look before.

    now
        Seconds since the epoch.

    Each is a mapping with node, vhost, name, lacks, since (seconds since the epoch; None when it is
    well again), repairs and repaired (their number, and when the last one was decided).
    """
    known = {_identity(one): one for one in before}
    ill = {}
    for node, seen in evidence.items():
        for queue in seen["ill_queues"] if _is_complete(seen) and seen["is_running"] else ():
            was = known.pop((node, queue["vhost"], queue["name"]), {"repairs": 0, "repaired": 0})
            one = {**was, **queue, "node": node, "since": was.get("since") or now}
            ill[_identity(one)] = one
    well = [
        {**one, "since": None}
        for one in known.values()
        if one["repairs"] and now - one["repaired"] < FORGOTTEN
    ]
    return [*ill.values(), *well]


def due(ill, now):
    """
    Return those of what ``ailing`` returned that are to be mended now: of one node.
    """
    lasting = [one for one in _lasting(ill, now) if _is_mendable(one)]
    return [one for one in lasting if one["node"] == lasting[0]["node"]]


def mended(ill, now):
    """
    Return what ``ailing`` returned with the repair of those that are due counted.
    """
    chosen = due(ill, now)
    return [
        {**one, "repairs": one["repairs"] + 1, "repaired": now} if one in chosen else one
        for one in ill
    ]


class _Look:
    """What one look found, and the questions that the rule asks of it."""

    def __init__(self, name, members, seen, waited):
        self.name, self.members, self.seen, self.waited = name, members, seen, waited
        # What everybody answered, and those who answered, but not in full.
        self.evidence, self.unclear = {}, []
        # The quorum queues that are, or were, ill.
        self.ill, self.now = (), 0
        # Since when a broker that does not run could.
        self.behind = {}

    def nodes(self, has):
        return [node for node, one in self.seen.items() if has(one)]

    def left(self):
        """Those that could have run for long, the first ones first."""
        long = [node for node, since in self.behind.items() if self.now - since >= BEHIND]
        return sorted(long, key=self.behind.get)

    def unknown(self):
        """Who is not known and why, "" when everybody is."""
        silent = [node for node in self.members if node not in {*self.seen, *self.unclear}]
        told = openstack_ha_rule.silence(silent, self.evidence)
        if self.unclear:
            command = openstack_ha_rule.sync(self.unclear[0])
            told.append(f"{openstack_ha_rule.less(self.unclear)} (`{command}`)")
        return ", ".join(told)

    def is_majority(self, nodes):
        return 2 * len(nodes) > len(self.members)

    def wait(self, why, section, command):
        """Wait, or refuse when that has not helped for long."""
        if self.waited < PATIENCE:
            return _word(WAIT, [], why)
        return _refuse([], f"{why}, for {PATIENCE} s and more", section, command)

    def wait_for_the_unknown(self, why, command):
        """Wait for those who are not known; an old module is mended before anything is given up."""
        if self.unclear and self.waited >= PATIENCE:
            runbook, section = openstack_ha_rule.OLD_MODULE
            way = f"{FOLDER}{runbook}, '{section}': `{openstack_ha_rule.sync(self.unclear[0])}`"
            return _word(REFUSE, [], why, way)
        return self.wait(why, SILENT, command)


def _is_complete(one):
    """Unknown is never absent: what lacks a part of the evidence is not known."""
    return openstack_ha_rule.fits(one, SHAPE)


def _with_cluster(look, running):
    seen, members = look.seen, look.members
    stopped = {node: one for node, one in seen.items() if not one["is_running"]}
    if _are_several(members, seen, running):
        return _several(look, running)
    known = {broker for node in running for broker in seen[node]["members"]}
    strangers = [
        node for node, one in stopped.items() if not one["is_blank"] and members[node] not in known
    ]
    # Who is not known to have been of the cluster that runs has data of its own, and a person
    # decides about it.
    ours = {seen[node]["cluster"] for node in running}
    unlike = [node for node in strangers if seen[node]["cluster"] not in ours - {None}]
    if strangers and not look.is_majority(running):
        return _several(look, strangers + running)
    if unlike:
        return _several(look, unlike + running)
    if strangers:
        why = f"the cluster of {_names(running)} does not know {members[strangers[0]]} any more"
        return _final(REJOIN_FORGOTTEN, strangers[:1], why)
    owners = [n for n, one in stopped.items() if not one["is_blank"] and _is_still(one)]
    if owners:
        return _word(LAUNCH, owners, f"{_names(owners)} does not run, and has a database")
    behind = look.left()
    if behind:
        return _relaunch(
            look, behind[0], f"{behind[0]} could be with {_names(running)}, and is not"
        )
    moving = [n for n, one in stopped.items() if not _is_still(one)]
    paused = [node for node in moving if seen[node]["is_paused"]]
    if paused:
        return _out_of_reach(look, paused, running)
    if moving:
        return look.wait(
            f"{_names(moving)} is starting or stopping, and {_names(running)} runs",
            STUCK,
            f"salt {moving[0]} openstack_ha_rabbitmq_database.set_aside {members[moving[0]]}",
        )
    parted = [n for n in running if seen[n]["partitions"] or not _sees_all(look, running, n)]
    if parted:
        return look.wait(
            f"{_names(running)} run, and {_names(parted)} does not see all of them",
            PARTED,
            f"salt {parted[-1]} openstack_ha_rabbitmq_peers.probe",
        )
    ghosts = sorted(known - set(members.values()))
    if ghosts and len(running) == len(members):
        return _without(look, running, ghosts)
    queues = seen[running[0]]["queues"]
    shrunk = [n for n in running if lacks_replicas(members[n], known, queues)]
    if shrunk and look.is_majority(running):
        return _word(GROW, shrunk[:1], f"quorum queues lack a replica on {members[shrunk[0]]}")
    return _joined(look, running, list(stopped))


def _without(look, running, ghosts):
    """
    A member that will not come back counts for pause_minority and for the size of quorum queues,
    and the others wait for its tables at their next start
    (https://github.com/rabbitmq/rabbitmq-server/issues/8832).
    """
    alive = [one for one in ghosts if any(one in look.seen[node]["running"] for node in running)]
    if alive:
        why = f"{_names(alive)} runs in the cluster, and is of no controller in the cluster file"
        return look.wait(why, GHOST, openstack_ha_rule.show(look.name, "rabbitmq"))
    why = f"{ghosts[0]} is of no controller in the cluster file, and does not run"
    return {**_final(FORGET, running[:1], why), "arguments": {"broker": ghosts[0]}}


def _joined(look, running, blank):
    """Everybody with a database runs; the others join, one after another."""
    ready = [node for node in blank if look.seen[node]["is_ready"]]
    unknown = look.unknown()
    if ready and not look.is_majority(look.seen):
        return look.wait_for_the_unknown(
            f"{_names(ready)} has no database; {unknown}",
            openstack_ha_rule.show(look.name, "rabbitmq"),
        )
    if ready:
        return _word(JOIN, ready[:1], f"{_names(ready[:1])} has no database; {_names(running)} run")
    ill = [one for one in look.ill if one["since"]]
    if ill:
        return _ill(ill, look.now)
    away = [unknown] if unknown else []
    away += [f"{_names(blank)} has no configured broker yet"] if blank else []
    return _word(SETTLED, [], "; ".join([f"in one cluster: {_names(running)}", *away]))


def _ill(ill, now):
    chosen, lasting = due(ill, now), _lasting(ill, now)
    if chosen:
        return _word(REPAIR, [chosen[0]["node"]], _illness(chosen))
    if len(lasting) < len(ill):
        return _word(WAIT, [], _illness(ill))
    one = lasting[0]
    queue = f"--vhost {shlex.quote(one['vhost'])} {shlex.quote(one['name'])}"
    tried = ", and mending did not help" if one["repairs"] else ""
    # On the broker's host: a queue's name in the master's command would be quoted twice.
    command = f"rabbitmq-queues quorum_status {queue}"
    return _refuse([], _illness(lasting) + tried, ILL, f"{command}` on `{one['node']}")


def _lasting(ill, now):
    return [
        one for one in ill if one["since"] and now - max(one["since"], one["repaired"]) >= LASTING
    ]


def _is_mendable(one):
    return one["lacks"] != "majority" and one["repairs"] < REPAIRS


def _identity(one):
    return one["node"], one["vhost"], one["name"]


def _illness(ill):
    named = ", ".join(
        f"{one['name']} in {one['vhost']} ({one['lacks']}, {one['node']})" for one in ill[:NAMED]
    )
    more = f", .. ({len(ill)} of them)" if len(ill) > NAMED else ""
    return f"quorum queues lack their replica, leader or majority: {named}{more}"


def _without_cluster(look):
    seen, unknown = look.seen, look.unknown()
    owners = [node for node in seen if not seen[node]["is_blank"]]
    still = [node for node in owners if _is_still(seen[node])]
    if still:
        # Also one that cannot go on alone: it waits for the others inside.
        return _word(LAUNCH, still, f"no broker runs, and {_names(still)} has a database")
    if owners and set(owners) <= set(look.left()):
        # One at a time, and the next one when that did not help; each has its tables from the rest.
        return _relaunch(look, look.left()[0], f"{_names(owners)} hang in their start")
    if unknown:
        return look.wait_for_the_unknown(
            f"no broker runs; {unknown}, and could have the newest data",
            _without_the_unknown(look, owners),
        )
    blank = [node for node in seen if seen[node]["is_blank"]]
    if any(not _is_still(seen[node]) for node in blank):
        return look.wait(
            f"{_names(blank)} is starting",
            STUCK,
            f"salt {blank[0]} openstack_ha_rabbitmq.status",
        )
    if owners:
        return _owners_wait(look, owners, blank)
    ready = [node for node in blank if seen[node]["is_ready"]]
    if not ready or (len(ready) < len(blank) and look.waited < GATHERING):
        return _word(WAIT, [], "no broker has a database, and not all are configured yet")
    # The others join when they are configured; with one node at a time that is after this one.
    return _final(FORM, ready, "no broker has a database: they form the cluster")


def _without_the_unknown(look, owners):
    """The command that goes on without those who are not known, where anybody is left."""
    if owners:
        return _recover(look, _newest(look, owners))
    if look.seen:
        return f"salt {next(iter(look.seen))} openstack_ha_rabbitmq.form"
    return f"salt -L {','.join(look.members)} test.ping"


def _out_of_reach(look, paused, running=()):
    """A minority that pauses goes on by itself when the network lets it see enough others."""
    runs = f", and {_names(running)} runs" if running else ""
    return look.wait(
        f"{_names(paused)} paused, since it sees too few others{runs}",
        PARTED,
        f"salt {paused[0]} openstack_ha_rabbitmq_peers.probe",
    )


def _relaunch(look, node, why):
    return _word(RELAUNCH, [node], f"{why}, for {BEHIND} s and more")


def _owners_wait(look, owners, blank):
    """All that have a database have been started, and none runs yet."""
    paused = [node for node in owners if look.seen[node]["is_paused"]]
    if blank and owners == paused:
        # The data of the others is gone, so nothing newer than this can come back.
        return _word(
            RESUME, paused[:1], f"{paused[0]} paused, and {_names(blank)} has no database any more"
        )
    if paused:
        return _out_of_reach(look, paused)
    missing = f"; {_names(blank)} has no database any more" if blank else ""
    return look.wait(
        f"{_names(owners)} wait for one another's tables{missing}",
        TABLES,
        _recover(look, _newest(look, owners)),
    )


def _newest(look, owners):
    """The one to go on with: it saw the fewest others run when it stopped."""
    ran = {node: len(look.seen[node]["running_at_shutdown"]) for node in owners}
    # Where its disk does not tell, others may know better.
    return min(owners, key=lambda node: ran[node] or len(look.members) + 1)


def _recover(look, node):
    return f"salt-run openstack_ha_rabbitmq.recover {look.name} {node} dry_run=False"


def _are_several(members, seen, running):
    """Whether running brokers are of different clusters: one of two does not know the other."""
    return any(members[one] not in seen[other]["members"] for one in running for other in running)


def _several(look, nodes):
    """Each cluster has messages of its own: a person chooses. The first one that is no majority."""
    brokers, seen = look.members, look.seen
    clusters = {tuple(sorted(seen[node]["members"])): [] for node in nodes}
    for node in nodes:
        clusters[tuple(sorted(seen[node]["members"]))].append(node)
    smallest = min(reversed(clusters.values()), key=len)
    has_peers = any(seen[node]["is_running"] for node in nodes if node not in smallest)
    step = "openstack_ha_rabbitmq.rejoin"
    if not has_peers:
        step = "openstack_ha_rabbitmq_database.set_aside"
    return _refuse(
        [],
        f"{' and '.join(_names(group) for group in clusters.values())} are of different clusters",
        CLUSTERS,
        *(f"salt {node} {step} {brokers[node]}" for node in smallest),
    )


def _sees_all(look, running, node):
    return all(look.members[one] in look.seen[node]["running"] for one in running)


def _is_still(one):
    """It neither runs nor is about to."""
    return one["unit"] in ("inactive", "failed")


def _word(verdict, nodes, why, way_out=None):
    return {"verdict": verdict, "nodes": list(nodes), "why": why, "way_out": way_out}


def _final(verdict, nodes, why):
    """What cannot be undone: everybody is asked again just before."""
    return {**_word(verdict, nodes, why), "is_final": True}


def _refuse(nodes, why, section, *commands):
    way = " and ".join(f"`{command}`" for command in commands)
    return _word(REFUSE, nodes, why, f"{RUNBOOK}, '{section}': {way}")


def _names(nodes):
    return ", ".join(nodes)
