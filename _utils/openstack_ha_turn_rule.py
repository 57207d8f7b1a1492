"""
Turns: services that run with something else than is on their disk are renewed, one node at a time.

A node that is to be renewed is drained first: it says that it does not serve, every HAProxy takes
it out, and what it has begun ends. Then it is renewed, let in again, and looked at until every
HAProxy sends it work; only then it is the next one's turn. The last one that serves is never taken
away, and the holder of the VIP is the last one that is renewed. Who says nothing in the middle of
its turn has it still.

What is not behind HAProxy says of itself whether it serves. Nobody is drained whose clients do not
notice: where a reload takes what has changed, or where the service has no patience.

Where a silent node is missed as well, as one of storage is, nobody is taken away before all others
serve, and one zone goes after the other. Whose clients keep away for a while from one that was
away is not taken for back before that while has passed.

What each node does for itself alone, as a compute node does, has a share: so many nodes at once may
be without it, and there is no last one. Whoever has failed is one of them, so that a fault that
every node would get stops the round at the share.

Evidence of a node is a mapping by service, each with all of these keys.

is_configured
    Its files have been here; else it has not had its first start.
is_running
    The unit runs.
is_outdated
    It, or one of its units, was started with other files than it would be now.
takes_reload
    A reload takes what has changed, and ends nothing that is under way.
unchanged_for
    Seconds since one of its units was started or reloaded, None where none runs.
is_drained
    It does not serve, since it is its turn.
is_away
    It does not serve, since a person has said so.
drained_for
    Seconds since it was drained, else None.
patience
    Seconds for what it has begun to end; with 0 it is not drained.
holds_vip
    The node has the VIP.
obstacle
    Of one that is outdated, why it cannot be taken away now, as a clause; None when it can.
serves
    Its own word, None where HAProxy's counts. A unit of several may lack while it serves.
seen
    What this node's HAProxy sees of the service, ``{host: {"serves": bool, "sessions": number}}``;
    None where it does not answer.
"""

import openstack_ha_cluster
import openstack_ha_rule
import openstack_ha_systems

# Seconds between looks while a node is drained, or comes back.
LOOK_AGAIN = 1
# Seconds for a node to come back after which a person hears of it.
PATIENCE = 300
COMES_NOT_BACK = ("lost-node.md", "A service does not come back")

SHAPE = {
    "is_configured": bool,
    "is_running": bool,
    "is_outdated": bool,
    "takes_reload": bool,
    "unchanged_for": (None, int, float),
    "is_drained": bool,
    "is_away": bool,
    "drained_for": (None, int, float),
    "patience": int,
    "holds_vip": bool,
    "obstacle": (None, str),
    "serves": (None, bool),
    "seen": (None, {str: {"serves": bool, "sessions": int}}),
}
# Its steps, each the name of a function.
VERDICTS = ("drain", "renew", "readmit")


def decide(case):
    """
    Return what is to be done, as ``openstack_ha_rule`` describes it; the subject is a service.
    """
    systems = openstack_ha_cluster.all_systems(case["cluster"])
    return [
        _of_service(case, service) for service in openstack_ha_systems.turns() if service in systems
    ]


def remember(case, decision):
    """Return what is kept until the next look: whose turn it is, and since when one is awaited."""
    service = decision["subject"]
    taken = _taken(case, service)
    if decision["verdict"] in ("drain", "renew"):
        taken += [node for node in decision["nodes"] if node not in taken]
    before = _record(case, service).get("waiting_since")
    is_waiting = decision["verdict"] in ("wait", "refuse")
    since = openstack_ha_rule.begun(before, case["now"]) if is_waiting else None
    return {"taken": taken, "waiting_since": since}


def listeners(case, decision):
    """Return those that wait for their turn."""
    said = _said(case, decision["subject"])
    return [node for node in said if said[node]["is_outdated"]]


def again(case, decision, failures):
    """Return the seconds until the next look, None where only an event asks for one."""
    if failures is not None:
        return None if failures else LOOK_AGAIN
    return LOOK_AGAIN if decision.get("is_near") and not case["rivals"] else None


def _of_service(case, service):
    facts, said = openstack_ha_systems.turns()[service], _said(case, service)
    drained = [node for node in said if said[node]["is_drained"]]
    outdated = sorted(
        (node for node in said if said[node]["is_outdated"]),
        key=lambda node: (said[node]["holds_vip"], _zone(case, facts, node)),
    )
    if drained:
        return _go_on(case, service, said, drained[0])
    if not outdated:
        return _word(service, "settled", [], f"{service} runs with what is on the disk")
    if "share" in facts:
        return _of_each(case, service, said, outdated, facts["share"])
    lost = _lost(case, service, said)
    if lost:
        silence = "; ".join(_silence(case, said, lost))
        return _wait(
            case, service, lost, f"it is the turn of {service} of {_names(lost)}: {silence}"
        )
    nodes = [one["id"] for one in openstack_ha_cluster.nodes_with(case["cluster"], service)]
    away = [node for node in said if said[node]["is_away"]]
    serving = [node for node in said if said[node]["is_running"] and _serves(case, said, node)]
    wanted = nodes if "zones" in facts else said
    back = [node for node in wanted if node not in serving and node not in away]
    useless = [
        node for node in outdated if not _serves(case, said, node) and not said[node]["obstacle"]
    ]
    if useless:
        # Nobody misses it, and the new configuration may be what it lacks.
        why = f"{service} of {useless[0]} runs with an older configuration, and does not serve"
        return _word(service, "renew", useless[:1], why)
    # The only one that lacks a unit, and serves, goes first: no other one is away.
    lame = back if len(back) == 1 and back[0] in outdated else []
    if back != lame:
        why = f"{service} of {_names(back)} does not serve"
        return _wait(case, service, back, "; ".join([why, *_silence(case, said, back)]))
    new = [node for node in serving if not _has_settled(facts, said[node]) and node not in away]
    if new:
        return _wait(case, service, new, f"{service} of {_names(new)} has just come back")
    next_one = [*lame, *outdated][:1]
    first, beside = said[next_one[0]], [node for node in serving if node not in next_one]
    why = f"{service} of {next_one[0]} runs with an older configuration"
    if first["obstacle"]:
        return _wait(case, service, next_one, f"{why}, and {first['obstacle']}")
    if first["takes_reload"] or (beside and not first["patience"]):
        return _word(service, "renew", next_one, why)
    if beside:
        return _word(service, "drain", next_one, why)
    others = [node for node in nodes if node not in [*serving, *next_one]]
    if not others:
        # A sole node takes its own turn.
        return _word(service, "renew", next_one, why)
    told = _silence(case, said, others)
    why = "; ".join([f"{why}, and is the only one that serves", *told])
    return _word(service, "wait", [], why)


def _of_each(case, service, said, outdated, share):
    """
    Some at once of those that serve nobody else. A node that has never had it, or that a person has
    taken out, is not waited for.
    """
    lacking = _lost(case, service, said) + [
        node
        for node, one in said.items()
        if one["is_configured"] and not one["serves"] and not one["is_away"]
    ]
    nodes = openstack_ha_cluster.nodes_with(case["cluster"], service)
    room = max(1, len(nodes) * share // 100) - len(lacking)
    if room < 1:
        return _wait(case, service, lacking, f"{service} of {_names(lacking)} does not serve")
    next_ones = outdated[:room]
    why = f"{service} of {_names(next_ones)} runs with an older configuration"
    return _word(service, "renew", next_ones, why)


def _lost(case, service, said):
    """Those who say nothing in the middle of their turn."""
    return [node for node in _taken(case, service) if node not in said]


def _taken(case, service):
    """Those whose turn it was at the last look, and who have not said since that it is over."""
    said = _said(case, service)
    return [
        node
        for node in _record(case, service).get("taken", ())
        if node in case["nodes"]
        and (node not in said or said[node]["is_drained"] or said[node]["is_outdated"])
    ]


def _go_on(case, service, said, node):
    """One is drained: renew it when nobody uses it, and let it in when it is renewed."""
    one = said[node]
    if one["is_running"] and not one["is_outdated"]:
        return _word(service, "readmit", [node], f"{service} of {node} is renewed")
    rows = [row for row in _rows(case, said, node) if row]
    busy = sum(row["sessions"] for row in rows)
    is_late = (one["drained_for"] or 0) >= one["patience"]
    if (one["serves"] or any(row["serves"] for row in rows)) and not is_late:
        why = f"{service} of {node} is drained, and still gets work"
        return {**_word(service, "wait", [], why), "is_near": True}
    if busy and not is_late:
        why = f"{service} of {node} is drained, and ends {busy} requests"
        return {**_word(service, "wait", [], why), "is_near": True}
    return _word(service, "renew", [node], f"{service} of {node} is drained")


def _wait(case, service, nodes, why):
    """Wait for who has just been renewed; after long it is a person's."""
    since = _record(case, service).get("waiting_since")
    if case["now"] - openstack_ha_rule.begun(since, case["now"]) < PATIENCE:
        return {**_word(service, "wait", [], why), "is_near": True}
    runbook, title = COMES_NOT_BACK
    way = f"docs/runbooks/{runbook}, '{title}': `salt {nodes[0]} openstack_ha_turn.evidence`"
    why = f"{why}, for {PATIENCE} s and more; nobody else is renewed"
    return {**_word(service, "refuse", nodes, why), "way_out": way}


def _serves(case, said, node):
    """Whether a node serves by its own word, or every HAProxy that tells sends work to it."""
    if said[node]["serves"] is not None:
        return said[node]["serves"]
    rows = _rows(case, said, node)
    return bool(rows) and all(row and row["serves"] for row in rows)


def _has_settled(facts, one):
    """Whether clients do not keep away any more from one that serves again."""
    return one["unchanged_for"] is None or one["unchanged_for"] >= facts.get("settles", 0)


def _zone(case, facts, node):
    """What goes together: a node's region and zone, nothing where the service knows no zones."""
    if "zones" not in facts:
        return ()
    place = case["cluster"]["nodes"][node].get(facts["zones"], {})
    return place.get("region", 0), place.get("zone", 0)


def _silence(case, said, nodes):
    """Who of nodes has said nothing of the service, and why, as clauses."""
    silent = [node for node in nodes if node not in said]
    return openstack_ha_rule.silence(silent, case["found"]) if silent else []


def _rows(case, said, node):
    """What each HAProxy that answers sees of a node's server, None where it has none."""
    host = case["cluster"]["nodes"][node]["hostname"]
    return [one["seen"].get(host) for one in said.values() if one["seen"] is not None]


def _said(case, service):
    """What nodes said of a service that they have, of those that said all of it."""
    found = {
        node: case["found"][node].get(service)
        for node in case["nodes"]
        if isinstance(case["found"].get(node), dict)
    }
    return {node: one for node, one in found.items() if openstack_ha_rule.fits(one, SHAPE)}


def _record(case, service):
    return case["records"].get(service, {})


def _word(service, verdict, nodes, why):
    return {
        "verdict": verdict,
        "nodes": list(nodes),
        "why": why,
        "way_out": None,
        "subject": service,
        "arguments": {"service": service},
    }


def _names(nodes):
    return ", ".join(nodes)
