"""
From the ring that is to the ring that is wanted, a step at a time.

Parts move in one *rebalance* a run, and a run waits until the parts of the one before have their
time (min_part_hours) and their data (replication). Swift's own rule moves at most one replica of a
part in a rebalance, except those on removed devices. So only dead devices are removed while they
hold parts, of one zone at a time; everything else is drained first.
"""

import math

import openstack_ha_swift_ring

SECONDS = 3600
# A part of the replicas that is not where it should be is worth a rebalance of its own.
WORTH = 0.01
BALANCE_GAIN = 1


def plan(desired, current, options):
    """
    Return the steps of this run, what comes later, and why.

    desired
        What ``openstack_ha_swift_ring.desired`` returns.

    current
        The facts of the ring's builder, or None when it has none: ``part_power``,
        ``next_part_power``, ``replicas``, ``min_part_hours``, ``overload``, ``version``,
        ``is_balanced`` (parts were assigned once), ``is_changed`` (devices changed since),
        ``rebalanced_at`` and ``now`` (seconds since the epoch), ``dispersion``, ``unplaced``
        (parts that could not move), ``devices`` (as in ``desired``, with ``parts`` and
        ``is_removed``), ``ring_file`` (``md5`` and ``version``, or None) and ``removals``
        (dead devices that left, as ``{"place", "time"}``).

    options
        ``ramp``, ``max_dispersion``, ``allow_fewer_zones`` and ``wait_for_replication``, as in
        ``desired["options"]``; ``replication``, ``{address: {"started", "completed"} or None}``
        for the last whole pass of each storage node in seconds since the epoch; ``receipt``, where
        a master keeps copies, ``{"lacking": nodes without the ring}`` or None when it has none of
        this builder; ``is_forced`` when a person says that nothing needs waiting for.

    Returns ``{"steps", "later", "waits", "refusals"}``. A step is ``{"do", ..}`` with what it
    needs; a wait or a refusal is ``{"reason", "remedy"}``. Where there is a refusal, nothing is
    done.
    """
    refusals = _refusals(desired, current, options)
    if current is None:
        steps = _creation(desired)
        return _answer([] if refusals else steps, steps if refusals else [], [], refusals)
    quiet = _quiet(desired, current)
    moves = _moves(desired, current, options)
    dead, dead_later, dead_wait = _dead(desired, current, options, moves)
    if refusals:
        return _answer([], quiet + moves + dead + dead_later, [], refusals)
    if not current["is_balanced"]:
        steps = quiet + moves + dead + dead_later
        return _answer([*steps, _rebalance("the first one")], [], [], [])
    waits = _waits(desired, current, options)
    steps, later = _turn(current, moves, dead, waits, bool(options.get("is_forced")))
    steps, later, waits = quiet + steps, later + dead_later, waits + dead_wait
    is_moving = bool(steps) and steps[-1]["do"] == "rebalance"
    if not is_moving and (_is_outdated(current) or any(_is_shown(step) for step in steps)):
        steps.append({"do": "write_ring"})
    return _answer(steps, later, waits if later else [], [])


def is_worth(steps, before, after):
    """
    Return whether the outcome of the steps is worth to be saved.

    steps
        Those of a plan.

    before, after
        Facts of the ring; ``before`` is None when there was none.

    What the pillar asks for is. A rebalance of parts that were left has to gain something, each
    gain being a step down that no other gain undoes: so a ring comes to rest.
    """
    if before is None or before["is_changed"] or any(s["do"] != "rebalance" for s in steps):
        return True
    stranded = _stranded(after) - _stranded(before)
    if stranded:
        return stranded < 0
    if after["dispersion"] != before["dispersion"]:
        return after["dispersion"] < before["dispersion"]
    return before["balance"] - after["balance"] >= BALANCE_GAIN


def result_refusals(desired, steps, before, after, options):
    """
    Return why the outcome of the steps may not be saved, a list of ``{"reason", "remedy"}``.

    desired, steps, before, after, options
        As in ``plan``; ``after`` has the facts that the steps lead to.

    The loss of a device is answered whatever it leads to: the parts have to go somewhere.
    """
    limit = options["max_dispersion"]
    is_loss = any(step["do"] == "remove" and step["is_failed"] for step in steps)
    least = before["dispersion"] if before and before["is_balanced"] else 0
    if is_loss or after["dispersion"] <= max(limit, least):
        return []
    key = f"openstack_ha:swift:rings:{desired['ring']}"
    return [
        {
            "reason": f"{after['dispersion']:.2f} % of the replicas of {desired['ring']} would be "
            f"nearer to each other than the zones allow; the limit is {limit} %",
            "remedy": f"raise {key}:overload, even out the zones' weights, "
            f"or raise {key}:max_dispersion",
        }
    ]


def _answer(steps, later, waits, refusals):
    return {"steps": steps, "later": later, "waits": waits, "refusals": refusals}


def _rebalance(why, is_held=False, is_forced=False):
    return {"do": "rebalance", "why": why, "is_held": is_held, "is_forced": is_forced}


def _live(devices):
    return {key: one for key, one in devices.items() if one["weight"] > 0 and not one["failed"]}


def _stranded(facts):
    """Parts on devices that should have none."""
    return sum(one["parts"] for one in facts["devices"].values() if not one["weight"])


def _creation(desired):
    settings = {name: desired[name] for name in openstack_ha_swift_ring.SETTINGS}
    adds = [_add(key, one, one["weight"]) for key, one in desired["devices"].items()]
    return [
        {"do": "create", **settings},
        *[step for step in adds if not desired["devices"][step["device"]]["failed"]],
        _rebalance("the first one"),
    ]


def _refusals(desired, current, options):
    found = _room_refusals(desired, options)
    if current is not None:
        found += _identity_refusals(desired, current)
    return found


def _room_refusals(desired, options):
    key = f"openstack_ha:swift:rings:{desired['ring']}"
    live = _live(desired["devices"])
    copies = math.ceil(desired["replicas"])
    places = sorted({openstack_ha_swift_ring.place(one) for one in live.values()})
    if len(live) < copies:
        return [
            {
                "reason": f"{desired['replicas']} replicas need {copies} devices with a weight, "
                f"and the pillar has {len(live)} for {desired['ring']}",
                "remedy": f"name more below openstack_ha:nodes:<node>:storage:devices, "
                f"or lower {key}:replicas",
            }
        ]
    if len(places) < copies and not options["allow_fewer_zones"]:
        return [
            {
                "reason": f"{desired['replicas']} replicas of {desired['ring']} stand in "
                f"{len(places)} zones ({', '.join(places)}), so one zone would hold two of a part",
                "remedy": f"give the nodes more zones (openstack_ha:nodes:<node>:storage:zone), "
                f"or set {key}:allow_fewer_zones: true",
            }
        ]
    return []


def _identity_refusals(desired, current):
    ring = desired["ring"]
    key = f"openstack_ha:swift:rings:{ring}"
    found = []
    if current["part_power"] != desired["part_power"]:
        found.append(
            {
                "reason": f"the ring {ring} has part_power {current['part_power']}, not "
                f"{desired['part_power']}; another one puts every object elsewhere",
                "remedy": f"set {key}:part_power: {current['part_power']}; an object ring grows by "
                "`swift-ring-builder <builder> prepare_increase_partition_power` and swift-object-"
                "relinker",
            }
        )
    if current["next_part_power"]:
        found.append(
            {
                "reason": f"the ring {ring} is on its way to part_power "
                f"{current['next_part_power']}",
                "remedy": "finish it: `swift-ring-builder <builder> "
                "finish_increase_partition_power`, when swift-object-relinker has cleaned up",
            }
        )
    known = current["ring_file"]
    if known and known["version"] is not None and known["version"] > current["version"]:
        found.append(
            {
                "reason": f"the ring file of {ring} has version {known['version']}, the builder "
                f"only {current['version']}: another builder made it",
                "remedy": f"find that builder; `salt-call openstack_ha_swift_ring.history {ring}` "
                "lists the copies, and `openstack_ha_swift_ring.restore` takes one of them",
            }
        )
    marked = [key for key, one in current["devices"].items() if one["is_removed"]]
    if marked:
        found.append(
            {
                "reason": f"`swift-ring-builder remove` marked {', '.join(sorted(marked))} of "
                f"{ring}: the next rebalance would take their parts undrained",
                "remedy": f"`salt-call openstack_ha_swift_ring.restore {ring} <copy>` takes the "
                f"builder back, `openstack_ha_swift_ring.history {ring}` lists the copies",
            }
        )
    for name, one in desired["devices"].items():
        old = current["devices"].get(name)
        if not old or one["failed"]:
            continue
        was, now = openstack_ha_swift_ring.place(old), openstack_ha_swift_ring.place(one)
        if was != now:
            found.append(
                {
                    "reason": f"the device {name} of {ring} stands in {was}, not {now} as the "
                    "pillar says; its parts would move at once",
                    "remedy": f"put it back to {was}; or take it out of the pillar until it has "
                    f"left the ring, and name it with {now} then",
                }
            )
    return found


def _quiet(desired, current):
    """What moves no part."""
    found = []
    if current["min_part_hours"] != desired["min_part_hours"]:
        found.append(_set("min_part_hours", current, desired, desired["min_part_hours"]))
    for key, one in desired["devices"].items():
        old = current["devices"].get(key)
        if not old or one["failed"]:
            continue
        names = [name for name in openstack_ha_swift_ring.INFO if old[name] != one[name]]
        if names:
            found.append(
                {
                    "do": "set_info",
                    "device": key,
                    "old": {name: old[name] for name in names},
                    "new": {name: one[name] for name in names},
                }
            )
    return found


def _set(name, current, desired, value):
    return {"do": f"set_{name}", "old": current[name], "new": value, "wanted": desired[name]}


def _moves(desired, current, options):
    """What needs a rebalance, apart from the dead devices."""
    found = []
    if current["overload"] != desired["overload"]:
        found.append(_set("overload", current, desired, desired["overload"]))
    if current["replicas"] != desired["replicas"]:
        step = max(-1, min(1, desired["replicas"] - current["replicas"]))
        near = desired["replicas"] if abs(step) < 1 else current["replicas"] + step
        found.append(_set("replicas", current, desired, near))
    ramp = _Ramp(desired, current, options)
    for key, one in desired["devices"].items():
        old = current["devices"].get(key)
        if one["failed"]:
            continue
        if old is None:
            found.append(_add(key, one, ramp.next_weight(0.0, one["weight"])))
        elif old["weight"] != one["weight"]:
            found.append(_reweight("set_weight", key, old, one["weight"], ramp))
    for key, old in current["devices"].items():
        if key in desired["devices"]:
            continue
        if old["weight"]:
            found.append(_reweight("drain", key, old, 0.0, ramp))
        elif not old["parts"]:
            found.append({"do": "remove", "device": key, "parts": 0, "is_failed": False})
    return found


def _add(key, one, weight):
    facts = {name: value for name, value in one.items() if name not in ("failed", "weight")}
    return {"do": "add", "device": key, "new": weight, "wanted": one["weight"], "facts": facts}


def _reweight(verb, key, old, weight, ramp):
    return {
        "do": verb,
        "device": key,
        "old": old["weight"],
        "new": ramp.next_weight(old["weight"], weight),
        "wanted": weight,
    }


class _Ramp:
    """
    The weights on their way: a run moves each by ``ramp`` of the larger one of both ends.

    It moves by ``ramp`` of the wanted mean at least, so that a drain comes to its end: what a
    device had before the drain began stands nowhere.
    """

    def __init__(self, desired, current, options):
        live = _live(desired["devices"]).values()
        self.share = options["ramp"] if current["is_balanced"] else 1
        self.least = sum(one["weight"] for one in live) / max(1, len(live))

    def next_weight(self, old, wanted):
        step = round(self.share * max(old, wanted, self.least), 2)
        if self.share >= 1 or not step or abs(wanted - old) <= step:
            return wanted
        return round(old + math.copysign(step, wanted - old), 2)


def _dead(desired, current, options, moves):
    """The dead devices that leave now, those that leave later, and what they wait for."""
    found = [
        {
            "do": "remove",
            "device": key,
            "parts": current["devices"][key]["parts"],
            "is_failed": True,
            "place": openstack_ha_swift_ring.place(current["devices"][key]),
        }
        for key, one in desired["devices"].items()
        if one["failed"] and key in current["devices"]
    ]
    holding = [step for step in found if step["parts"]]
    if not holding:
        return found, [], []
    if _is_lowered(moves) and not _has_room(current, options, found, moves):
        wait = {
            "reason": f"the other devices have no room for {current['replicas']} replicas of "
            f"{desired['ring']}, which are lowered first",
            "remedy": "none is needed",
        }
        return [], found, [wait]
    recent = [] if options.get("is_forced") else _recent_losses(desired, current, options)
    parts = {}
    for step in holding:
        parts[step["place"]] = parts.get(step["place"], 0) + step["parts"]
    # The zone that lost something already, else the one that lost most.
    first = max(sorted(parts), key=lambda place: (place in recent, parts[place]))
    is_free = not recent or recent == [first]
    now = [step for step in found if not step["parts"] or (is_free and step["place"] == first)]
    later = [step for step in found if step not in now]
    if not later:
        return now, [], []
    lost = ", ".join(recent) or first
    wait = {
        "reason": f"parts of {lost} that are lost have to be restored before those in "
        f"{', '.join(sorted({step['place'] for step in later}))} are given up too",
        "remedy": "wait for replication and min_part_hours; or, when nothing can be read from "
        f"there anyway, `salt-call openstack_ha_swift_ring.apply {desired['ring']} force=True`",
    }
    return now, later, [wait]


def _recent_losses(desired, current, options):
    """The zones whose lost parts may not be restored yet."""
    return sorted(
        {
            one["place"]
            for one in current["removals"]
            if current["now"] < one["time"] + desired["min_part_hours"] * SECONDS
            or _replication_reason(current, desired, options, since=one["time"])
        }
    )


def _waits(desired, current, options):
    if options.get("is_forced"):
        return []
    ring, found = desired["ring"], []
    force = f"`salt-call openstack_ha_swift_ring.apply {ring} force=True` does not"
    age = current["now"] - current["rebalanced_at"]
    left = desired["min_part_hours"] * SECONDS - age
    if left > 0:
        found.append(
            {
                "reason": f"parts of {ring} moved {_span(age)} ago; "
                f"min_part_hours ({desired['min_part_hours']}) is over in {_span(left)}",
                "remedy": f"wait; {force}",
            }
        )
    why = _replication_reason(current, desired, options, since=current["rebalanced_at"])
    if why:
        found.append(
            {
                "reason": why,
                "remedy": "`salt-run openstack_ha_swift.rebalance` asks the nodes; "
                f"openstack_ha:swift:rings:{ring}:wait_for_replication: false waits for "
                f"none, and {force}",
            }
        )
    if "receipt" in options:
        found += _spread_waits(ring, options["receipt"], force)
    return found


def _spread_waits(ring, receipt, force):
    """Nothing moves on a builder that could be lost, nor away from a ring that some still read."""
    if receipt is None:
        reason = f"the master has no copy of the builder of {ring} as it is"
    elif receipt["lacking"]:
        reason = f"{', '.join(receipt['lacking'])} does not have the present ring {ring} yet"
    else:
        return []
    return [
        {"reason": reason, "remedy": f"`salt-run openstack_ha_swift.status` shows why; {force}"}
    ]


def _replication_reason(current, desired, options, since):
    """Why replication may not have brought every part to its place, or None."""
    if not options["wait_for_replication"]:
        return None
    passes = options.get("replication")
    ring = desired["ring"]
    if passes is None:
        return f"nothing is known of the replication of {ring} since its parts moved"
    dead = {key for key, one in desired["devices"].items() if one["failed"]}
    nodes = sorted({one["ip"] for key, one in current["devices"].items() if key not in dead})
    unknown = [node for node in nodes if not passes.get(node)]
    if unknown:
        return f"the replication of {ring} is not known on {', '.join(unknown)}"
    late = [node for node in nodes if passes[node]["started"] < since]
    if late:
        return (
            f"{', '.join(late)} has not replicated {ring} as a whole since parts moved at "
            f"{since:.0f} (seconds since the epoch)"
        )
    return None


def _span(seconds):
    minutes = math.ceil(seconds / 60)
    return f"{minutes // 60}:{minutes % 60:02d} h"


def _turn(current, moves, dead, waits, is_forced):
    """Return the steps of this run that need a rebalance, with it, and those that come later."""
    if dead and (waits or _is_lowered(moves)):
        # Nothing but the lost parts moves; they may go to devices that are new.
        now, later = _split(moves, _makes_room)
        return [*now, *dead, _rebalance("devices are lost", is_held=True)], later
    if waits:
        return [], moves or ([_rebalance("parts are left")] if _is_due(current) else [])
    if _is_lowered(moves):
        # A part loses one replica by it, and may not have another one moved at the same time.
        now, later = _split(moves, lambda step: step["do"] == "set_replicas")
        return [*now, _rebalance("fewer replicas", is_held=True)], later
    if moves or dead:
        return [*moves, *dead, _rebalance("the pillar", is_forced=is_forced)], []
    if _is_due(current):
        return [_rebalance("parts are left", is_forced=is_forced)], []
    return [], []


def _split(steps, is_first):
    return [s for s in steps if is_first(s)], [s for s in steps if not is_first(s)]


def _makes_room(step):
    return step["do"] == "add" or (step["do"] == "set_weight" and not step["old"])


def _has_room(current, options, dead, moves):
    """Whether the ring can lose the dead devices with the replicas that it has now."""
    gone = {step["device"] for step in dead}
    left = {key: one for key, one in current["devices"].items() if key not in gone}
    live = {key: one for key, one in left.items() if one["weight"]}
    for step in filter(_makes_room, moves):
        live[step["device"]] = left.get(step["device"]) or step["facts"]
    copies = math.ceil(current["replicas"])
    places = {openstack_ha_swift_ring.place(one) for one in live.values()}
    return len(live) >= copies and (len(places) >= copies or options["allow_fewer_zones"])


def _is_lowered(moves):
    return any(step["do"] == "set_replicas" and step["new"] < step["old"] for step in moves)


def _is_due(current):
    """Whether parts are left that the last rebalance could not move."""
    replicas = 2 ** current["part_power"] * current["replicas"]
    return bool(
        current["is_changed"]
        or _stranded(current)
        or current["dispersion"]
        or current["unplaced"] > WORTH * replicas
    )


def _is_shown(step):
    """Whether the ring file has what the step changes; min_part_hours stands in the builder."""
    return step["do"] != "set_min_part_hours"


def _is_outdated(current):
    known = current["ring_file"]
    return current["is_balanced"] and (not known or known["version"] != current["version"])
