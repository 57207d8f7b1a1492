"""
Swift's rings as a coordinated system: how they go round, the owner's receipts, and who serves what.
"""

import openstack_ha_rule
import openstack_ha_swift_spread as spread

ROLES = {"storage", "proxy"}
RECEIPTS, LIVE = "receipts", "live"
# Its steps, each the name of a function.
VERDICTS = ("keep", "push", "acknowledge", "announce")


def decide(case):
    """
    Return what is to be done, as ``openstack_ha_rule`` describes it. Beside the rings themselves it
    is about the owner's receipts, and about rings that every node has by now.

    case
        A case; its facts are the builders that there are copies of, by ring, with their rings' md5.
    """
    cluster, found, kept, copies = (
        rings(case["cluster"]),
        _found(case),
        _spread(case),
        case["facts"],
    )
    decisions = [_with_errors(spread.decide(cluster, found, kept, copies), case)]
    # While rings are on their way, who lacks them changes with the next look; what failed lasts.
    is_under_way = not openstack_ha_rule.is_resting(decisions[0]) and not _has_failed(case)
    owner = found.get(cluster["owner"])
    receipts = spread.receipts(cluster, found, kept, copies)
    if owner and owner["receipts"] != receipts and not is_under_way:
        why = f"{cluster['owner']} is to know who has which ring"
        step = _said("acknowledge", [cluster["owner"]], why, RECEIPTS)
        decisions.append({**step, "arguments": {"rings": receipts}})
    new = _newly_live(case)
    if new:
        why = f"every node has the new {', '.join(new)}"
        decisions.append({**_said("announce", [], why, LIVE), "arguments": {"rings": new}})
    return decisions


def remember(case, decision):
    """
    Return what is kept until the next look: which rings were spread, and which are known to serve.
    """
    if decision.get("subject") == RECEIPTS:
        return {}
    if decision.get("subject") == LIVE:
        told = {} if openstack_ha_rule.is_resting(decision) else _newly_live(case)
        return {"live": {**_live(case), **{ring: one["md5"] for ring, one in told.items()}}}
    everywhere = spread.live(rings(case["cluster"]), _found(case), _spread(case))
    return {"spread": {**_spread(case), **everywhere}}


def listeners(case, decision):
    """Return those who lack a ring, when nothing is on its way to them."""
    if decision.get("subject") or not openstack_ha_rule.is_resting(decision):
        return []
    return spread.waiting(rings(case["cluster"]), _found(case), _spread(case))


def again(case, decision, failures):
    """Return the seconds until the next look, None where only an event asks for one."""
    return 0 if failures == {} and not decision.get("subject") else None


def rings(cluster):
    """
    Return what the spreading has to know of a cluster, ``{"name", "owner", "rings", "nodes"}``.

    cluster
        What the runner ``openstack_ha.cluster`` returns.
    """
    nodes = cluster["nodes"]
    return {
        "name": cluster["name"],
        "owner": cluster["swift"]["owner"],
        "rings": cluster["swift"]["rings"],
        "nodes": [node for node in nodes if ROLES.intersection(nodes[node]["roles"])],
    }


def targets(case):
    """Return which ring the nodes are to have, as ``openstack_ha_swift_spread.targets`` does."""
    return spread.targets(rings(case["cluster"]), _found(case), _spread(case))


def _newly_live(case):
    """The rings that every node has, of which that is not known yet."""
    everywhere = spread.live(rings(case["cluster"]), _found(case), _spread(case))
    known = _live(case)
    return {ring: facts for ring, facts in everywhere.items() if known.get(ring) != facts["md5"]}


def _with_errors(decision, case):
    """Who waits for a node hears what that node says."""
    failing = [node for node, said in case["found"].items() if openstack_ha_rule.error(said)]
    if decision["verdict"] != "wait" or not failing:
        return decision
    told = openstack_ha_rule.silence(failing, case["found"])
    return {**decision, "why": "; ".join([decision["why"], *told])}


def _found(case):
    return spread.answers(case["found"])


def _spread(case):
    return case["records"].get("", {}).get("spread", {})


def _has_failed(case):
    return bool(case["records"].get("", {}).get("failures"))


def _live(case):
    return case["records"].get(LIVE, {}).get("live", {})


def _said(verdict, nodes, why, subject):
    return {"verdict": verdict, "nodes": nodes, "why": why, "way_out": None, "subject": subject}
