"""
Who may start a Galera cluster: one pure rule over what every controller says of itself.

Evidence of one controller is a mapping, or None when it did not answer:

is_ready
    The server is installed and configured, so it can be started.
server
    ``running``, ``starting`` (it recovers its own data), ``joining`` (it looks for the others, or
    receives data), ``stopping`` or ``stopped``.
is_outdated
    The running server was started with another configuration than it has now.
wsrep
    Of a running server ``{cluster_status, local_state, state_uuid, view}``, else None. ``view``
    is the UUID of the component's state, ``local_state`` is 4 when Synced.
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
"""

import openstack_ha_galera

SYNCED = 4

# Seconds that servers without a Primary component have to find each other: several times what
# evs.inactive_timeout and evs.install_timeout allow for a change of the view.
REUNION = 20

# Everybody who can be is a Synced member of the one Primary component.
SETTLED = "settled"
# ``nodes`` start and join the Primary component.
JOIN = "join"
# ``nodes`` start as they are: all members of the last view are there, the server finds it itself.
RESTART = "restart"
# ``nodes`` run without a Primary component and stop, so that their positions can be compared and
# no two of them find each other while another one is started.
STAND_DOWN = "stand_down"
# ``nodes``, one, starts a new Primary component.
BOOTSTRAP = "bootstrap"
# ``nodes``, one, restarts to take its new configuration; everybody else is Synced.
RENEW = "renew"
# Nothing can be decided yet.
WAIT = "wait"
# Nothing will be decided without a person.
REFUSE = "refuse"


def decide(members, evidence, floor=None, *, has_restarted=False, without_primary=0, chosen=None):
    """
    Return what is to be done as ``{"verdict", "nodes", "why"}``.

    members
        Ids of all configured controllers, in the pillar's order.

    evidence
        Evidence by id; an id that is missing is a controller that did not answer.

    floor
        The last known good position ``{uuid, seqno}``, or None when no cluster ever was.

    has_restarted
        A RESTART was tried since the last Primary component and did not bring one.

    without_primary
        Seconds since the first look that found no Primary component.

    chosen
        The controller that the operator names to start from, whatever the others have or are; its
        writes survive, and theirs beyond it are lost. A Primary component still comes first.

    The rule's numbers are those of docs/architecture.md.
    """
    seen = {name: evidence[name] for name in members if evidence.get(name)}
    primary = [name for name in seen if is_primary(seen[name])]
    if primary:
        return _follow(members, seen, primary)
    if chosen:
        return _by_operator(chosen, members, seen)
    unknown = [name for name in members if name not in seen]
    if unknown:
        return _word(WAIT, [], f"{_names(unknown)} did not answer, and could know better")
    return _decide_without_primary(members, seen, floor, has_restarted, without_primary)


def is_primary(one):
    """
    Return whether the evidence is of a server in a Primary component.

    one
        Evidence of one controller, or None.
    """
    return bool(one and one["wsrep"] and one["wsrep"]["cluster_status"] == "Primary")


def is_synced(one):
    """
    Return whether the evidence is of a Synced server in a Primary component.

    one
        Evidence of one controller, or None.
    """
    return is_primary(one) and one["wsrep"]["local_state"] == SYNCED


def _follow(members, seen, primary):
    """Rule 1: somebody is Primary, so everybody joins it, one at a time."""
    states = {seen[name]["wsrep"]["state_uuid"] for name in primary}
    if len(states) > 1:
        return _word(
            REFUSE,
            [],
            f"{_names(primary)} are Primary in different clusters ({', '.join(sorted(states))}); "
            "stop the one whose data is not wanted",
        )
    moving = [name for name in primary if not is_synced(seen[name])]
    moving += _moving(seen) + _in_state(seen, "joining")
    if moving:
        return _word(WAIT, [], f"{_names(moving)} is joining or receiving data")
    (state,) = states
    # A server that runs outside the component joins by itself when the network lets it.
    outside = [name for name in members if name in seen and name not in primary]
    absent = [name for name in outside if seen[name]["server"] == "stopped"]
    foreign = [name for name in absent if _is_foreign(seen[name], state)]
    ready = [name for name in absent if name not in foreign and seen[name]["is_ready"]]
    if ready:
        return _word(JOIN, ready[:1], f"the Primary component is {_names(primary)}")
    if foreign:
        return _word(
            REFUSE,
            foreign,
            f"{_names(foreign)} holds data of another cluster than {state}, and joining would "
            "wipe it; move its data directory away to let it join",
        )
    if absent:
        return _word(WAIT, [], f"{_names(absent)} has no configured server yet")
    if outside:
        return _word(WAIT, [], f"{_names(outside)} runs, and does not reach {_names(primary)}")
    return _renew(members, seen)


def _renew(members, seen):
    """A new configuration is taken by one node at a time, and only while nobody is missing."""
    outdated = [name for name in members if name in seen and seen[name]["is_outdated"]]
    if not outdated:
        return _word(SETTLED, [], f"Synced in the Primary component: {_names(seen)}")
    unknown = [name for name in members if name not in seen]
    if unknown:
        why = f"{_names(outdated)} has a new configuration to take, but {_names(unknown)} is away"
        return _word(WAIT, [], why)
    return _word(RENEW, outdated[:1], f"{_names(outdated[:1])} takes its new configuration")


def _moving(seen):
    return _in_state(seen, "starting", "stopping")


def _in_state(seen, *states):
    return [name for name in seen if seen[name]["server"] in states]


def _is_foreign(one, state):
    position = one["position"]
    return bool(
        position
        and not one["is_receiving"]
        and position["uuid"] not in (state, openstack_ha_galera.ZERO_UUID)
    )


def _by_operator(chosen, members, seen):
    """A person has decided whose data survives."""
    if chosen not in seen:
        return _word(REFUSE, [], f"{chosen} did not answer, so nothing can start from it")
    alive = [name for name in members if name in seen and seen[name]["server"] != "stopped"]
    if alive:
        return _word(STAND_DOWN, alive, f"{_names(alive)} must not run while {chosen} starts")
    if not (seen[chosen]["is_ready"] and _is_known(seen[chosen]["position"])):
        return _word(REFUSE, [], f"{chosen} has no data with a known position to start from")
    return _word(
        BOOTSTRAP, [chosen], f"the operator chose {chosen} at {_text(seen[chosen]['position'])}"
    )


def _decide_without_primary(members, seen, floor, has_restarted, without_primary):
    moving = _moving(seen)
    if moving:
        return _word(WAIT, [], f"{_names(moving)} is starting or stopping")
    if not has_restarted and any(seen[name]["last_view"] for name in members):
        # Rule 3: cannot lose data, since the server itself asks for every member of its view.
        stopped = [n for n in members if seen[n]["server"] == "stopped" and seen[n]["is_ready"]]
        if stopped:
            return _word(RESTART, stopped, "the last view is known, and all its members answer")
    # Without a Primary component there is no donor, so no transfer is cut off here.
    alive = _in_state(seen, "running", "joining")
    if alive and without_primary < REUNION:
        return _word(WAIT, [], f"{_names(alive)} runs without a Primary component and may find one")
    if alive:
        return _word(STAND_DOWN, alive, f"{_names(alive)} found no Primary component")
    if all(seen[name]["is_pristine"] for name in members):
        return _first_install(members, seen, floor)
    return _most_advanced(members, seen, floor)


def _first_install(members, seen, floor):
    """Rule 4: nobody has anything to lose."""
    if floor:
        return _word(
            REFUSE,
            [],
            f"every data directory is empty, but this cluster has reached {_text(floor)}; "
            "restore a backup, or forget the old cluster with "
            "`salt-run openstack_ha_galera.forget <cluster>`",
        )
    first = members[0]
    if not seen[first]["is_ready"]:
        return _word(WAIT, [], f"{first} is to be the first, and has no configured server yet")
    return _word(BOOTSTRAP, [first], "every data directory is empty: first install")


def _most_advanced(members, seen, floor):
    """Rules 5 to 7: the highest position of one cluster, never below the floor."""
    holders = [n for n in members if not seen[n]["is_pristine"] and not seen[n]["is_receiving"]]
    candidates = [name for name in holders if _is_known(seen[name]["position"])]
    unknown = [name for name in holders if name not in candidates]
    if unknown or not candidates:
        return _word(
            REFUSE,
            [],
            f"{_names(unknown or members)} has no known position and could hold the newest data",
        )
    clusters = {seen[name]["position"]["uuid"] for name in candidates}
    if floor:
        clusters.add(floor["uuid"])
    if len(clusters) > 1:
        return _word(
            REFUSE, [], f"the data is of different clusters: {', '.join(sorted(clusters))}"
        )
    best = max(
        candidates,
        key=lambda name: (
            seen[name]["position"]["seqno"],
            seen[name]["safe_to_bootstrap"],
            -members.index(name),
        ),
    )
    position = seen[best]["position"]
    if floor and position["seqno"] < floor["seqno"]:
        return _word(
            REFUSE,
            [],
            f"the newest data is {_text(position)} on {best}, and this cluster has reached "
            f"{_text(floor)}",
        )
    if not seen[best]["is_ready"]:
        return _word(WAIT, [], f"{best} has the newest data, and no configured server yet")
    return _word(BOOTSTRAP, [best], f"{best} has the newest data, {_text(position)}")


def _is_known(position):
    return bool(
        position
        and position["uuid"] != openstack_ha_galera.ZERO_UUID
        and position["seqno"] != openstack_ha_galera.UNKNOWN_SEQNO
    )


def _word(verdict, nodes, why):
    return {"verdict": verdict, "nodes": list(nodes), "why": why}


def _names(names):
    return ", ".join(names)


def _text(position):
    return f"{position['uuid']}:{position['seqno']}"
