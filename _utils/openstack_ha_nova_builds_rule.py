"""
Creations of machines as a coordinated system: one that no service carries on ends in an error.

Nova's services take a message off its queue before they do what it says. What a conductor had in
hand when it lost its power nobody takes up again, and nothing in Nova looks for it.

Evidence of a controller is a mapping with all of these keys.

is_ready
    The program that ends them, and what it reads, are there.
requests
    Creations that no conductor has brought to a compute node, as ``{uuid, seconds}`` since they
    were accepted; None where the database does not answer.
machines
    Machines that are being built, as ``{uuid, host, is_held, seconds}`` since their last step;
    ``is_held`` is whether they are in the hands of a nova-compute that Nova takes for alive. None
    as for requests.
"""

import openstack_ha_rule

SHAPE = {
    "is_ready": bool,
    "requests": (None, [{"uuid": str, "seconds": int}]),
    "machines": (None, [{"uuid": str, "host": (None, str), "is_held": bool, "seconds": int}]),
}
# Its steps, each the name of a function.
VERDICTS = ("give_up",)
# Of which a reason has the names.
NAMED = 3


def decide(case):
    """
    Return what is to be done, as ``openstack_ha_rule`` describes it: all that is lost ends at once,
    by the first controller whose database answers.
    """
    seen, refusal = openstack_ha_rule.understood(case, SHAPE)
    if refusal:
        return [refusal]
    able = [node for node in seen if _is_able(seen[node])]
    if not able:
        why = "no controller that answers has Nova and a database that answers"
        return [openstack_ha_rule.nobody(case, seen, case["nodes"], why)]
    options, said = case["cluster"]["nova"], seen[able[0]]
    placed, built = options["schedule_timeout"], options["build_timeout"]
    requests = {one["uuid"] for one in said["requests"]}
    unplaced = [one["uuid"] for one in said["requests"] if one["seconds"] > placed]
    unbuilt = [
        one["uuid"]
        for one in said["machines"]
        if one["seconds"] > built and not one["is_held"] and one["uuid"] not in requests
    ]
    for lost, seconds, what in (
        (unplaced, placed, "no conductor has brought it to a compute node"),
        (unbuilt, built, "no compute node that is alive has it in hand"),
    ):
        if lost:
            return [_step(able[0], lost, f"{what} within {seconds} s")]
    return [_said("settled", [], "no creation of a machine is lost")]


def remember(case, decision):
    """Return what is kept until the next look: nothing."""
    return {}


def listeners(case, decision):
    """Return those who wait for it: nobody."""
    return []


def again(case, decision, failures):
    """Return the seconds until the next look, None where only the schedule asks for one."""
    return 0 if failures == {} else None


def _is_able(said):
    return said["is_ready"] and None not in (said["requests"], said["machines"])


def _step(node, lost, why):
    more = f" and {len(lost) - NAMED} more" if len(lost) > NAMED else ""
    # Everybody is asked once more: a service may have taken it up meanwhile.
    return {
        **_said("give_up", [node], f"the creation of {', '.join(lost[:NAMED])}{more}: {why}"),
        "arguments": {"machines": lost, "why": why},
        "is_final": True,
    }


def _said(verdict, nodes, why, way_out=None):
    return {"verdict": verdict, "nodes": list(nodes), "why": why, "way_out": way_out}
