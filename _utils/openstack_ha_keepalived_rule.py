"""
The VIP's keepers as a coordinated system: who may start knows all that run, and they know him.

Adverts go to the peers of the configuration, and are taken from nobody else
(https://keepalived.readthedocs.io/en/latest/configuration_synopsis.html, ``unicast_peer``). So one
that starts before the others have it as a peer hears nobody, and takes the VIP beside its holder.

Evidence of a controller is a mapping with all of these keys.

is_ready
    Its configuration is there.
is_running
    Its keepalived runs.
knows
    The addresses of its peers, those that it runs with or would start with; None while it runs with
    an older configuration than lies there.
is_confirmed
    The master has let it start, so whoever wants it can, a boot and HAProxy too.
"""

import openstack_ha_rule

SHAPE = {
    "is_ready": bool,
    "is_running": bool,
    "knows": (None, [str]),
    "is_confirmed": bool,
}
# Its steps, each the name of a function.
VERDICTS = ("confirm",)
TWO_HOLDERS = ("leaving.md", "One does not know the other")


def decide(case):
    """
    Return what is to be done, as ``openstack_ha_rule`` describes it: nobody is started here or
    stopped, since what a person has stopped stays so. Who does not run is told that it may.
    """
    seen, refusal = openstack_ha_rule.understood(case, SHAPE)
    if refusal:
        return [refusal]
    return [_about_strangers(case, seen) or _about_new(case, seen)]


def remember(case, decision):
    """Return what is kept until the next look: whom each knew, for when it is silent."""
    return {"knew": _known(case, openstack_ha_rule.understood(case, SHAPE)[0])}


def listeners(case, decision):
    """Return those who may not start yet."""
    return _new(openstack_ha_rule.understood(case, SHAPE)[0])


def again(case, decision, failures):
    """Return the seconds until the next look, None where only an event asks for one: who waits for
    others' highstates rings."""
    return 0 if failures == {} else None


def _about_strangers(case, seen):
    """Who runs beside one that it does not know; None where nobody does."""
    running = [node for node in seen if seen[node]["is_running"]]
    pairs = [
        (node, other)
        for node in running
        if seen[node]["knows"] is not None
        for other in running
        if other != node and _address(case, other) not in seen[node]["knows"]
    ]
    if not pairs:
        return None
    nodes = list(dict.fromkeys(node for node, _ in pairs))
    why = "; ".join(f"{node} runs keepalived and does not know {other}" for node, other in pairs)
    runbook, title = TWO_HOLDERS
    way_out = (
        f"docs/runbooks/{runbook}, '{title}': "
        f"`salt -L {','.join(nodes)} state.apply openstack_ha.keepalived queue=True`"
    )
    return _said("refuse", nodes, f"{why}, so both may hold the VIP", way_out)


def _about_new(case, seen):
    """Who may start: one after another, so that the next one is compared with it too."""
    known, waits = _known(case, seen), {}
    for node in _new(seen):
        said = seen[node]
        strangers = [
            one
            for one in case["nodes"]
            if one != node
            and (one not in seen or _may_run(seen[one]))
            and _address(case, node) not in (known[one] or [])
        ]
        # One that runs already has run before there was such a word.
        if not strangers or said["is_running"]:
            return _said("confirm", [node], f"all that may hold the VIP know {node}")
        waits[node] = strangers
    if waits:
        return _wait(case, seen, waits)
    return _settled(case, seen)


def _settled(case, seen):
    there = [node for node in seen if _may_run(seen[node])]
    silent = [node for node in case["nodes"] if node not in seen]
    told = openstack_ha_rule.silence(silent, case["found"])
    if not there:
        return _said(
            "wait" if silent else "settled", [], ", ".join(["nobody may start yet", *told])
        )
    known = f"{', '.join(there)} may hold the VIP, and know each other"
    return _said("settled", [], ", ".join([known, *told]))


def _wait(case, seen, waits):
    told = []
    for node, strangers in waits.items():
        answering = [one for one in strangers if one in seen]
        silent = [one for one in strangers if one not in seen]
        if answering:
            told.append(f"{', '.join(answering)} may hold the VIP and does not know {node} yet")
        if silent:
            told += openstack_ha_rule.silence(silent, case["found"])
            told.append(
                f"a dead one leaves: `salt-run openstack_ha.leave {case['name']} {silent[0]}`"
            )
    return _said("wait", [], "; ".join(dict.fromkeys(told)))


def _new(seen):
    return [node for node, said in seen.items() if said["is_ready"] and not said["is_confirmed"]]


def _may_run(said):
    return said["is_running"] or (said["is_ready"] and said["is_confirmed"])


def _known(case, seen):
    """Whom each knows; of one that is silent, whom it knew when it was heard. A highstate, which
    alone changes that, is heard of."""
    before = case["records"].get("", {}).get("knew", {})
    return {
        node: seen[node]["knows"] if node in seen else before.get(node) for node in case["nodes"]
    }


def _address(case, node):
    return case["cluster"]["nodes"][node]["address"]


def _said(verdict, nodes, why, way_out=None):
    return {"verdict": verdict, "nodes": list(nodes), "why": why, "way_out": way_out}
