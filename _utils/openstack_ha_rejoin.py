"""
Which nodes come back after their boot, in which steps, and what came of it.
"""

import openstack_ha_cluster

# Of a minion id; Salt keeps a file of that name for every minion.
LONGEST_ID = 255
# Of a reason, in characters; the whole stands in the job's return.
LONGEST_REASON = 400
PREFIX = "openstack_ha_rejoin_"


def minion_id(tag):
    """
    Return the id in a tag ``salt/minion/<id>/start``, or None where there is none.

    tag
        An event's tag, which any minion can have made.
    """
    head, tail = "salt/minion/", "/start"
    if not (tag.startswith(head) and tag.endswith(tail)):
        return None
    found = tag[len(head) : -len(tail)]
    return found if 0 < len(found) <= LONGEST_ID else None


def due(found):
    """
    Return the nodes that are to be brought back, in their order.

    found
        What ``openstack_ha_rejoin.status`` of each node returned, None where nothing did.

    One that has never been deployed as a whole is the operator's, and one that a state run is at
    work on is asked again later.
    """
    return [
        node
        for node, one in found.items()
        if one and one["is_deployed"] and not one["has_rejoined"] and not one["is_applying"]
    ]


def steps(cluster, nodes):
    """
    Return the steps that bring nodes back as ``[{"system": .., "nodes": [..]}]``, in their order:
    first the names of hosts, which some systems write anew at every boot.

    cluster
        A complete cluster.

    nodes
        Minion ids of nodes of the cluster.
    """
    found = [{"system": "hosts", "nodes": list(nodes)}]
    systems = {node: openstack_ha_cluster.systems(cluster, node) for node in nodes}
    for system in openstack_ha_cluster.SYSTEMS:
        own = [node for node in nodes if system in systems[node]]
        if own:
            found.append({"system": system, "nodes": own})
    return found


def failures(steps, states):
    """
    Return why nodes did not come back as ``{node: {"step": .., "why": ..}}``; nothing when all did.

    steps
        ``[{"system": .., "nodes": [..]}]`` of the orchestration.

    states
        What the orchestration's states returned, by Salt's keys; or a list of errors.

    The first step that failed ends the orchestration, so nodes that it did not fail for are neither
    in the answer nor back yet.
    """
    if not isinstance(states, dict):
        return _all_nodes(steps, None, _short(states))
    by_id = {one["__id__"]: one for one in states.values()}
    first = {"system": "sync", "nodes": list(_all_nodes(steps, None, ""))}
    for step in [first, *steps]:
        state = by_id.get(f"{PREFIX}{step['system']}")
        if state is None:
            return _all_nodes([step], step["system"], "is no step of the orchestration")
        if state["result"] is False:
            return _failed(step, state)
    return {}


def _failed(step, state):
    """Why a step failed, by node; for all of its nodes where none of them is at fault."""
    returns = state.get("changes", {}).get("ret", {})
    reasons = {node: _reason(returns[node]) for node in step["nodes"] if node in returns}
    found = {node: {"step": step["system"], "why": why} for node, why in reasons.items() if why}
    return found or _all_nodes([step], step["system"], _short(state.get("comment", "")))


def _reason(returned):
    """What is wrong with one node's return, None when nothing is."""
    if returned is False or returned is None:
        return "did not answer"
    if not isinstance(returned, dict):
        return _short(returned)
    for state in returned.values():
        if isinstance(state, dict) and state.get("result") is False:
            return _short(f"{state.get('__id__', '')}: {state.get('comment', '')}")
    return None


def _all_nodes(steps, system, why):
    nodes = dict.fromkeys(node for step in steps for node in step["nodes"])
    return {node: {"step": system, "why": why} for node in nodes}


def _short(text):
    lines = text if isinstance(text, list) else [text]
    return "; ".join(str(line) for line in lines)[:LONGEST_REASON]
