"""
Who may start a Galera cluster: one pure rule over what every controller says of itself.

Evidence of one controller is a mapping with all of these keys. None is a controller that did not
answer; a mapping of another shape (an old version of the module made it) is not known either.

is_ready
    The server is installed and configured, so it can be started.
server
    ``running``, ``starting`` (it recovers its own data), ``joining`` (it looks for the others, or
    receives data), ``stopping`` or ``stopped``.
is_outdated
    The running server was started with another configuration than it has now.
wsrep
    Of a running server ``{cluster_status, local_state, state_uuid}`` and, where it tells them,
    ``last_committed``, ``incoming_addresses`` and ``is_desynced`` (somebody has set wsrep_desync);
    else None. ``local_state`` is 4 when Synced, and 2 when Donor/Desynced.
position
    Of a stopped server with data ``{uuid, seqno}``, else None.
safe_to_bootstrap
    What grastate.dat says; it is a hint and never enough.
last_view
    Members of the last Primary view, when the server left it by a crash; else None.
is_pristine
    There is nothing to lose: no data directory, or one that was never part of a cluster and has
    no schema beside the server's own.
is_receiving
    A state transfer runs, or was cut off: the data is a part of a donor's.
floor
    The last position ``{uuid, seqno}`` at which this node was Synced, kept outside of the data
    directory; else None.
"""

import openstack_ha_galera
import openstack_ha_rule

SYNCED, DONOR = 4, 2
SERVERS = {"running", "starting", "joining", "stopping", "stopped"}
POSITION = (None, {"uuid": str, "seqno": int})
WSREP = {"cluster_status": str, "local_state": int, "state_uuid": str}
# What a server may tell beyond that.
MORE_WSREP = {"last_committed": -1, "incoming_addresses": "", "is_desynced": False}
SHAPE = {
    "is_ready": bool,
    "server": str,
    "is_outdated": bool,
    "wsrep": (None, WSREP),
    "position": POSITION,
    "safe_to_bootstrap": bool,
    "last_view": (None, [str]),
    "is_pristine": bool,
    "is_receiving": bool,
    "floor": POSITION,
}

# Seconds that servers without a Primary component have to find each other: several times what
# evs.inactive_timeout and evs.install_timeout allow for a change of the view.
REUNION = 20

# Seconds without a Primary component, or with a donor to whom nobody listens, after which a person
# hears what the cluster waits for: a host boots and a server recovers its data in less, and who
# waited silently in other tools waited for ever
# (https://github.com/SUSE-Cloud/doc-cloud/pull/973). Every look decides anew, so the refusal ends
# with its cause.
PATIENCE = 300

# Everybody who can be is a Synced member of the one Primary component.
SETTLED = "settled"
# ``nodes`` start and join the Primary component.
JOIN = "join"
# ``nodes`` start as they are: all members of the last view are there, the server finds it itself.
LAUNCH = "launch"
# ``nodes`` run without a Primary component and stop, so that their positions can be compared and
# no two of them find each other while another one is started.
STAND_DOWN = "stand_down"
# ``nodes``, one, starts a new Primary component.
BOOTSTRAP = "bootstrap"
# ``nodes``, one, restarts to take its new configuration; everybody else is Synced.
RESTART = "restart"
# Nothing can be decided yet.
WAIT = "wait"
# Nothing will be decided without a person.
REFUSE = "refuse"

# Where a person is sent: a file of docs/runbooks and the heading in it.
SECTIONS = {
    "silent": ("lost-node.md", "A controller does not answer"),
    "unfinished": ("lost-node.md", "A server neither starts nor stops"),
    "desynced": ("lost-node.md", "A server stays Donor/Desynced"),
    "unclear": openstack_ha_rule.OLD_MODULE,
    "error": openstack_ha_rule.ERROR,
    "clusters": ("total-power-loss.md", "Different clusters"),
    "empty": ("total-power-loss.md", "Every data directory is empty"),
    "unknown": ("total-power-loss.md", "A position is not known"),
    "below": ("total-power-loss.md", "The newest data is missing"),
    "choice": ("total-power-loss.md", "Starting from a controller of your choice"),
    "split": ("split.md", "Two Primary components"),
    "ahead": ("split.md", "Writes that the Primary component lacks"),
    "foreign": ("replacing-a-controller.md", "Data of another cluster"),
}


def decide(
    name,
    members,
    evidence,
    floor=None,
    *,
    has_restarted=False,
    without_primary=0,
    donating=0,
    chosen=None,
):
    """
    Return what is to be done as ``{"verdict", "nodes", "why", "way_out"}``.

    name
        The cluster's name, for the commands that a refusal gives.

    members
        Ids of all configured controllers, in the pillar's order.

    evidence
        Evidence by id; an id that is missing is a controller that did not answer.

    floor
        The last known good position ``{uuid, seqno}`` that the master keeps, or None.

    has_restarted
        A LAUNCH was tried since the last Primary component and did not bring one.

    without_primary
        Seconds since the first look that found no Primary component.

    donating
        Seconds since the first of the looks in a row that found an idle donor (``is_donating``).

    chosen
        The controller that the operator names to start from, whatever the others have or are; its
        writes survive, and theirs beyond it are lost. A Primary component still comes first.

    ``way_out`` is the runbook's section and the command for a refusal, or for a wait that lasts;
    else None. The rule's numbers are those of docs/systems/galera.md.
    """
    seen = {node: evidence[node] for node in members if _is_complete(evidence.get(node))}
    unclear = openstack_ha_rule.unclear(members, evidence, seen)
    primary = [node for node in members if is_primary(evidence.get(node))]
    if primary:
        return _follow(members, seen, primary, donating)
    if chosen:
        return _by_operator(name, chosen, members, seen, unclear)
    is_late = without_primary >= PATIENCE
    absent = [node for node in members if node not in seen]
    if absent and is_late:
        return _refuse_without(name, members, evidence, seen, floor)
    if absent:
        way_out = _way_out("unclear", [openstack_ha_rule.sync(unclear[0])]) if unclear else None
        return _word(
            WAIT, [], f"{_unknown(absent, unclear, evidence)}, and could know better", way_out
        )
    moving = _in_state(seen, "starting", "stopping")
    if moving:
        # Replaying a big log is no fault, so this stays a wait; but it says where to look.
        way_out = _way_out("unfinished", [_status(moving[0])]) if is_late else None
        return _word(WAIT, [], f"{_names(moving)} is starting or stopping", way_out)
    alive = _in_state(seen, "running", "joining")
    if alive:
        return _gather_or_stop(members, seen, alive, has_restarted, without_primary)
    return _compare(name, members, seen, floor, has_restarted)


def is_primary(one):
    """
    Return whether the evidence is of a server in a Primary component.

    one
        Evidence of one controller, or None. One that lacks other keys counts as well: whatever
        else is not known, nobody may start a second component.
    """
    return _wsrep(one).get("cluster_status") == "Primary"


def is_synced(one):
    """
    Return whether the evidence is of a Synced server in a Primary component.

    one
        Evidence of one controller, or None.
    """
    return is_primary(one) and _wsrep(one).get("local_state") == SYNCED


def is_donating(evidence):
    """
    Return whether a member is Donor/Desynced by itself, and nobody is known to receive anything.

    evidence
        As for ``decide``.

    So it is for a moment before and after a transfer, and for as long as it runs where the one that
    receives is silent; and for good after some that failed.
    """
    seen = [one for one in evidence.values() if _is_complete(one)]
    receives = any(one["server"] in ("starting", "joining") for one in seen)
    return not receives and any(map(_is_donor, seen))


def reached(evidence):
    """
    Return the position ``{uuid, seqno}`` of a cluster that is settled: the floor under every later
    decision.

    evidence
        As for ``decide``.
    """
    synced = [_wsrep(one) for one in evidence.values() if is_synced(one) and _is_complete(one)]
    return {
        "uuid": synced[0]["state_uuid"],
        "seqno": max(wsrep.get("last_committed", -1) for wsrep in synced),
    }


def _wsrep(one):
    wsrep = one.get("wsrep") if isinstance(one, dict) else None
    return wsrep if isinstance(wsrep, dict) else {}


def _is_complete(one):
    """Unknown is never absent: what lacks a part of the evidence is not known."""
    if not openstack_ha_rule.fits(one, SHAPE) or one["server"] not in SERVERS:
        return False
    wsrep = one["wsrep"]
    if one["server"] == "running" and wsrep is None:
        return False
    return not wsrep or all(
        openstack_ha_rule.fits(wsrep.get(key, default), type(default))
        for key, default in MORE_WSREP.items()
    )


def _follow(members, seen, primary, donating):
    """Rule 1: somebody is Primary, so everybody joins it, one at a time."""
    known = [node for node in primary if node in seen]
    if not known:
        why = f"{_names(primary)} is Primary, and tells less than this master's modules would"
        return _refuse("unclear", why, [openstack_ha_rule.sync(primary[0])])
    apart = [node for node in known if _is_apart(seen[known[0]], seen[node])]
    if apart:
        return _refuse(
            "split",
            f"{_names(apart)} and {known[0]} are Primary in different components; set aside the "
            "data that is not wanted",
            [f"{_set_aside(apart[0])} is_running=True"],
        )
    state = seen[known[0]]["wsrep"]["state_uuid"]
    desynced = [node for node in known if _wsrep(seen[node]).get("is_desynced")]
    moving = [node for node in known if not is_synced(seen[node]) and node not in desynced]
    moving += _in_state(seen, "starting", "stopping", "joining")
    if moving:
        donors = [node for node in moving if _is_donor(seen[node])]
        is_stuck = donors and donating >= PATIENCE
        way_out = _way_out("desynced", [_status(donors[0])]) if is_stuck else None
        return _word(WAIT, [], f"{_names(moving)} is joining or receiving data", way_out)
    # A server that runs outside the component joins by itself when the network lets it.
    outside = [node for node in members if node in seen and node not in primary]
    absent = [node for node in outside if seen[node]["server"] == "stopped"]
    foreign = [node for node in absent if _is_foreign(seen[node], state)]
    reached = max(_wsrep(seen[node]).get("last_committed", -1) for node in known)
    ahead = [node for node in absent if node not in foreign and _is_ahead(seen[node], reached)]
    welcome = [node for node in absent if node not in foreign + ahead]
    ready = [node for node in welcome if seen[node]["is_ready"]]
    # Whoever is desynced gives no transfer.
    if ready and desynced != known:
        return _word(JOIN, ready[:1], f"the Primary component is {_names(primary)}")
    # It left the group after an error of its own, or never was in one, and does not come back.
    lost = [node for node in outside if _wsrep(seen[node]).get("cluster_status") == "Disconnected"]
    if lost:
        return _word(STAND_DOWN, lost, f"{_names(lost)} runs, and has left the cluster for good")
    if foreign:
        why = f"{_names(foreign)} holds data that is not of {state}, and joining would wipe it"
        return _refuse("foreign", why, [_set_aside(foreign[0])], foreign)
    if ahead:
        why = (
            f"{ahead[0]} is at {_text(seen[ahead[0]]['position'])}, beyond the Primary component's "
            f"{reached}, and joining would wipe these writes"
        )
        return _refuse("ahead", why, [_set_aside(ahead[0])], ahead)
    if desynced:
        why = f"{_names(desynced)} is Desynced: somebody has set wsrep_desync"
        resync = f"salt {desynced[0]} openstack_ha_galera.resync"
        return _word(WAIT, [], why, _way_out("desynced", [resync]))
    if welcome:
        return _word(WAIT, [], f"{_names(welcome)} has no configured server yet")
    if outside:
        return _word(WAIT, [], f"{_names(outside)} runs, and does not reach {_names(primary)}")
    return _renew(members, seen)


def _is_donor(one):
    wsrep = _wsrep(one)
    return wsrep.get("local_state") == DONOR and not wsrep.get("is_desynced")


def _is_apart(one, other):
    """Two Primary components: of different clusters, or none knows a member of the other."""
    mine, yours = _wsrep(one), _wsrep(other)
    if mine["state_uuid"] != yours["state_uuid"]:
        return True
    mine, yours = (
        {address for address in wsrep.get("incoming_addresses", "").split(",") if ":" in address}
        for wsrep in (mine, yours)
    )
    return bool(mine and yours and not mine & yours)


def _renew(members, seen):
    """A new configuration is taken by one node at a time, and only while nobody is missing."""
    outdated = [node for node in members if node in seen and seen[node]["is_outdated"]]
    if not outdated:
        return _word(SETTLED, [], f"Synced in the Primary component: {_names(seen)}")
    unknown = [node for node in members if node not in seen]
    if unknown:
        why = f"{_names(outdated)} has a new configuration to take, but {_names(unknown)} is away"
        return _word(WAIT, [], why)
    return _word(RESTART, outdated[:1], f"{_names(outdated[:1])} takes its new configuration")


def _in_state(seen, *states):
    return [node for node in seen if seen[node]["server"] in states]


def _is_foreign(one, state):
    """Data that a join would wipe; also a database that never was in a cluster (zero UUID)."""
    return _has_data(one) and (one["position"] or {}).get("uuid") != state


def _is_ahead(one, reached):
    """The server itself refuses such a join: "states diverged"."""
    return _has_data(one) and -1 < reached < one["position"]["seqno"]


def _has_data(one):
    """A position is data, whatever else is said."""
    return not one["is_receiving"] and (not one["is_pristine"] or one["position"] is not None)


def _by_operator(name, chosen, members, seen, unclear):
    """A person has decided whose data survives."""
    if unclear:
        return _unclear(unclear)
    if chosen not in seen:
        why = f"{chosen} did not answer, so nothing can start from it"
        return _refuse("silent", why, [_plan(name)])
    alive = [node for node in seen if seen[node]["server"] != "stopped"]
    if alive:
        return _word(STAND_DOWN, alive, f"{_names(alive)} must not run while {chosen} starts")
    one = seen[chosen]
    if not (_has_data(one) and _is_known(one["position"])):
        why = f"{chosen} has no data with a known position to start from"
        return _refuse("choice", why, [_plan(name)])
    if not one["is_ready"]:
        command = f"salt {chosen} state.apply openstack_ha.galera.config"
        return _refuse("choice", f"{chosen} has no configured server", [command])
    why = f"the operator chose {chosen} at {_text(one['position'])}"
    silent = [node for node in members if node not in seen]
    if silent:
        why += f", which knocks at the servers of {_names(silent)} before it starts"
    return _word(BOOTSTRAP, [chosen], why)


def _unclear(unclear):
    command = openstack_ha_rule.sync(unclear[0])
    return _refuse("unclear", openstack_ha_rule.less(unclear), [command])


def _refuse_without(name, members, evidence, seen, floor):
    """Rule 2: somebody is not known for too long, and could know better."""
    unclear = openstack_ha_rule.unclear(members, evidence, seen)
    unknown = [node for node in members if node not in seen and node not in unclear]
    if not unknown:
        return _unclear(unclear)
    why = f"{_unknown(unknown, [], evidence)}, and could know better"
    failing = [node for node in unknown if openstack_ha_rule.error(evidence.get(node)) is not None]
    if failing:
        return _refuse("error", why, [f"salt {failing[0]} openstack_ha_galera.evidence"])
    return _refuse("silent", why, [_recover(name, _best_guess(members, seen, floor))])


def _unknown(nodes, unclear, evidence):
    """Who is not known and why, as a clause."""
    silent = [node for node in nodes if node not in unclear]
    told = [f"{_names(unclear)} did not answer in full"] if unclear else []
    return ", ".join(openstack_ha_rule.silence(silent, evidence) + told)


def _gather_or_stop(members, seen, alive, has_restarted, without_primary):
    """Without a Primary component there is no donor, so no transfer is cut off here."""
    asleep = [] if has_restarted else _rest_of_view(members, seen)
    if asleep:
        return _launch(asleep)
    if without_primary < REUNION and _may_reunite(seen):
        return _word(WAIT, [], f"{_names(alive)} runs without a Primary component and may find one")
    return _word(STAND_DOWN, alive, f"{_names(alive)} found no Primary component")


def _may_reunite(seen):
    """Only a server that remembers a view makes it Primary again; all others wait for ever."""
    return any(one["server"] == "running" or one["last_view"] for one in seen.values())


def _rest_of_view(members, seen):
    """
    Rule 3: the stopped members of the last view, when everybody who has data was in that one view.

    A view that is not everybody's may be older than somebody's data: its members would find each
    other, become Primary, and wipe it.
    """
    holders = [node for node in members if _has_data(seen[node])]
    asleep = [node for node in holders if seen[node]["server"] == "stopped"]
    # A running server's file is not read.
    told = [node for node in holders if seen[node]["server"] != "running"]
    views = {frozenset(seen[node]["last_view"] or ()) for node in told}
    is_whole = len(views) == 1 and len(next(iter(views))) == len(holders)
    return asleep if is_whole and all(seen[node]["is_ready"] for node in asleep) else []


def _launch(asleep):
    return _word(LAUNCH, asleep, "everybody who has data was in one last view, and answers")


def _compare(name, members, seen, floor, has_restarted):
    """Rules 3 to 7: everybody is known and stopped."""
    floors = _floors(seen, floor)
    holders = [node for node in members if _has_data(seen[node])]
    guess = _best_guess(members, seen, floor)
    if len(floors) > 1:
        why = f"the controllers were Synced in different clusters: {_names(sorted(floors))}"
        return _refuse("clusters", why, [_recover(name, guess) if guess else _forget(name)])
    floor = next(iter(floors.values()), None)
    if not holders:
        return _first_install(name, members, seen, floor)
    clusters = {(seen[node]["position"] or {}).get("uuid") for node in holders} | set(floors)
    clusters -= {None, openstack_ha_galera.ZERO_UUID}
    if len(clusters) > 1:
        why = f"the data is of different clusters: {_names(sorted(clusters))}"
        return _refuse("clusters", why, [_recover(name, guess)])
    candidates = [node for node in holders if _is_known(seen[node]["position"])]
    best = max(candidates, key=lambda node: _rank(members, seen, node), default=None)
    position = best and seen[best]["position"]
    is_below = bool(floor and best and position["seqno"] < floor["seqno"])
    asleep = [] if has_restarted or is_below else _rest_of_view(members, seen)
    if asleep:
        return _launch(asleep)
    unknown = [node for node in holders if node not in candidates]
    if unknown:
        why = f"{_names(unknown)} has no known position and could hold the newest data"
        commands = [_recover(name, guess)] if guess else []
        return _refuse("unknown", why, [*commands, _set_aside(unknown[0])])
    if is_below:
        why = f"the newest data is {_text(position)} on {best}, and the cluster reached "
        return _refuse("below", why + _text(floor), [_recover(name, best)])
    if not seen[best]["is_ready"]:
        return _word(WAIT, [], f"{best} has the newest data, and no configured server yet")
    return _word(BOOTSTRAP, [best], f"{best} has the newest data, {_text(position)}")


def _rank(members, seen, node):
    """Numbers are compared as numbers; one that can start is as good as its equal."""
    one = seen[node]
    return (
        one["position"]["seqno"],
        one["is_ready"],
        one["safe_to_bootstrap"],
        -members.index(node),
    )


def _floors(seen, floor):
    """
    The floors that count, by cluster: several are a contradiction.

    The master's decides which cluster this is, since it is rewritten whenever all are well. A node
    can carry a past that is not this cluster's (a controller taken from another site), and would
    block every recovery; once it is Synced here its floor is this cluster's. A master that lost its
    record knows nothing, so then the nodes must agree.
    """
    kept = [one["floor"] for one in seen.values() if _is_known(one["floor"])]
    if floor:
        kept = [floor] + [one for one in kept if one["uuid"] == floor["uuid"]]
    return {one["uuid"]: one for one in sorted(kept, key=lambda one: one["seqno"])}


def _first_install(name, members, seen, floor):
    """Rule 4: nobody has anything to lose, and nobody had."""
    if floor:
        why = (
            f"every data directory is empty, but this cluster has reached {_text(floor)}; restore "
            "a backup, or forget the old cluster"
        )
        return _refuse("empty", why, [_forget(name)])
    parts = [node for node in members if seen[node]["is_receiving"]]
    if parts:
        why = f"{_names(parts)} holds a part of a donor's data, and nobody holds it whole"
        return _refuse("unknown", why, [_set_aside(parts[0])])
    first = members[0]
    if not seen[first]["is_ready"]:
        return _word(WAIT, [], f"{first} is to be the first, and has no configured server yet")
    return _word(BOOTSTRAP, [first], "every data directory is empty: first install")


def _best_guess(members, seen, floor):
    """
    The controller to name to a person, or None: the highest known position, of the floor's cluster,
    or else of the one that most controllers hold.
    """
    known = {node: _reached(seen[node]) for node in members if node in seen}
    known = {node: position for node, position in known.items() if _is_known(position)}
    clusters = [position["uuid"] for position in known.values()]
    return max(
        known,
        key=lambda node: (
            bool(floor and known[node]["uuid"] == floor["uuid"]),
            clusters.count(known[node]["uuid"]),
            known[node]["seqno"],
            -members.index(node),
        ),
        default=None,
    )


def _reached(one):
    """The position of a stopped server, or what a running one has committed."""
    if not _has_data(one):
        return None
    wsrep = _wsrep(one)
    if wsrep:
        return {"uuid": wsrep["state_uuid"], "seqno": wsrep.get("last_committed", -1)}
    return one["position"]


def _is_known(position):
    """Rule 5: a zero UUID or an unknown seqno is no position, whatever safe_to_bootstrap says."""
    return bool(
        position
        and position["uuid"] not in ("", openstack_ha_galera.ZERO_UUID)
        and position["seqno"] > openstack_ha_galera.UNKNOWN_SEQNO
    )


def _plan(name):
    return openstack_ha_rule.show(name, "galera")


def _recover(name, node):
    """The dry run, which says what it would do; without a node to name, the evidence."""
    return f"salt-run openstack_ha_galera.recover {name} node={node}" if node else _plan(name)


def _forget(name):
    return f"salt-run openstack_ha_galera.forget {name}"


def _set_aside(node):
    return f"salt {node} openstack_ha_galera.set_aside"


def _status(node):
    return f"salt {node} openstack_ha_galera.status"


def _word(verdict, nodes, why, way_out=None):
    return {"verdict": verdict, "nodes": list(nodes), "why": why, "way_out": way_out}


def _refuse(section, why, commands, nodes=()):
    return _word(REFUSE, nodes, why, _way_out(section, commands))


def _way_out(section, commands):
    runbook, title = SECTIONS[section]
    return f"docs/runbooks/{runbook}, '{title}': " + " or ".join(f"`{one}`" for one in commands)


def _names(names):
    return ", ".join(names)


def _text(position):
    return f"{position['uuid']}:{position['seqno']}"
