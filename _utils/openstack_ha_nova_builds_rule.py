"""
Creations of machines as a coordinated system: one that no service carries on ends in an error.

Nova's services take a message off its queue before they do what it says. What a conductor had in
hand when it lost its power nobody takes up again, and nothing in Nova looks for it.

Evidence of a controller is a mapping with all of these keys.

is_ready
    The program that ends them, and what it reads, are there.
started
    For how many seconds those of its conductor and its scheduler that run have all run; None where
    none does.
requests
    Creations that no conductor has brought to a compute node, as ``{uuid, silent, seconds}`` since
    they were accepted; ``silent`` is for how long a conductor or a scheduler that may have them in
    hand has not reported, None where none is late. None where the database does not answer.
machines
    Machines that are being built, as ``{uuid, host, is_held, is_left, seconds}`` since their last
    step; ``is_held`` is whether they are in the hands of a nova-compute that Nova takes for alive,
    ``is_left`` whether one has begun with them and not made them its own, which is its next step,
    or does not begin although it lives and builds nothing else. None as for requests.
"""

import openstack_ha_rule

SHAPE = {
    "is_ready": bool,
    "started": (None, int),
    "requests": (None, [{"uuid": str, "silent": (None, int), "seconds": int}]),
    "machines": (
        None,
        [{"uuid": str, "host": (None, str), "is_held": bool, "is_left": bool, "seconds": int}],
    ),
}
# Its steps, each the name of a function.
VERDICTS = ("give_up",)
# Of which a reason has the names.
NAMED = 3
# Seconds after which one that does not report is lost: two reports may be late, one each ten.
SILENT = 25
UNPLACED = "no conductor has brought it to a compute node"
UNBUILT = "no compute node that is alive has it in hand"


def decide(case):
    """
    Return what is to be done, as ``openstack_ha_rule`` describes it: all that is lost ends at once,
    by the first controller whose database answers.
    """
    seen, refusal = openstack_ha_rule.understood(case, SHAPE)
    if refusal:
        return [refusal]
    able = _able(seen)
    if not able:
        why = "no controller that answers has Nova and a database that answers"
        return [openstack_ha_rule.nobody(case, seen, case["nodes"], why)]
    late = [one for one in _creations(case, seen, able) if one["left"] < 0]
    for why in (UNPLACED, UNBUILT):
        lost = [one for one in late if one["why"] == why]
        if lost:
            return [_step(able[0], lost, why)]
    return [_said("settled", [], "no creation of a machine is lost")]


def remember(case, decision):
    """Return what is kept until the next look: nothing."""
    return {}


def listeners(case, decision):
    """Return those who wait for it: nobody."""
    return []


def again(case, decision, failures):
    """
    Return the seconds until the next look, None where only the schedule asks for one: what a
    controller's loss has left behind ends when its time is over.
    """
    if failures == {}:
        return 0
    if decision["verdict"] != "settled":
        return None
    seen, _ = openstack_ha_rule.understood(case, SHAPE)
    found = _creations(case, seen, _able(seen))
    return min((one["left"] + 1 for one in found if one["is_left_behind"]), default=None)


def _creations(case, seen, able):
    """
    What is on its way, each with what is wrong when its time is over, the seconds that are left of
    that, and whether it is a loss that has left it behind, or may be one.
    """
    options, said = case["cluster"]["nova"], seen[able[0]]
    # What was in hand before somebody began anew, he has not in hand any more.
    started = [one["started"] for one in seen.values() if one["started"] is not None]
    youngest = min(started, default=0)
    requests = {one["uuid"] for one in said["requests"]}
    for one in said["requests"]:
        patience, left = _time(one, options, "schedule_timeout")
        is_late, has_begun_anew = one["silent"] is not None, youngest < one["seconds"]
        if is_late or has_begun_anew:
            sooner, left_behind = _time(one, options, "failover_timeout")
            if not has_begun_anew:
                left_behind = max(left_behind, SILENT - 1 - one["silent"])
            left, patience = min((left, patience), (left_behind, sooner))
        yield _creation(one, patience, left, UNPLACED, is_late or has_begun_anew)
    for one in said["machines"]:
        if not one["is_held"] and one["uuid"] not in requests:
            kind = "failover_timeout" if one["is_left"] else "build_timeout"
            yield _creation(one, *_time(one, options, kind), UNBUILT, one["is_left"])


def _time(one, options, kind):
    """The seconds that a creation may take, and those that are left of them."""
    return options[kind], options[kind] - one["seconds"]


def _creation(one, patience, left, why, is_left_behind):
    return {
        "uuid": one["uuid"],
        "patience": patience,
        "left": left,
        "why": why,
        "is_left_behind": is_left_behind,
    }


def _able(seen):
    """The controllers that know what there is, and have what ends it."""
    return [
        node
        for node, said in seen.items()
        if said["is_ready"] and None not in (said["requests"], said["machines"])
    ]


def _step(node, lost, why):
    uuids = [one["uuid"] for one in lost]
    more = f" and {len(lost) - NAMED} more" if len(lost) > NAMED else ""
    told = f"{why} within {min(one['patience'] for one in lost)} s"
    # Without a second look, which costs who waits some of his minute: Nova's own rows say it, and
    # the program leaves alone what a service has taken up meanwhile.
    return {
        **_said("give_up", [node], f"the creation of {', '.join(uuids[:NAMED])}{more}: {told}"),
        "arguments": {"machines": uuids, "why": told},
    }


def _said(verdict, nodes, why, way_out=None):
    return {"verdict": verdict, "nodes": list(nodes), "why": why, "way_out": way_out}
