"""
What people see of the master's event bus while a cluster is at work: a short line for what is new.

``heard`` takes events one by one; what it has to know of those before is in ``memory``, a mapping
that ``begun`` makes and that its caller keeps. An event proves nothing, and any node can send one:
this only shows them, as plain text. What holds is in ``openstack_ha.status``.
"""

import re

import openstack_ha_age
import openstack_ha_rule

# Seconds after which a node is told of again that has nothing to tell but that it goes on.
QUIET = 30
# Seconds after which a node that waits has told of it again, or waits no more.
FRESH = 45
LONGEST = 160
OWN = re.compile(r"openstack_ha/(?P<cluster>[^/]+)/(?P<system>[^/]+)/(?P<what>decision|waits|done)")
PROGRESS = re.compile(r"salt/job/(?P<jid>\d+)/prog/(?P<node>[^/]+)/\d+")
NEW = re.compile(r"salt/job/(?P<jid>\d+)/new")
RETURN = re.compile(r"salt/job/(?P<jid>\d+)/ret/(?P<node>[^/]+)")
START = re.compile(r"salt/minion/(?P<node>[^/]+)/start")
# What ends a line, or moves a terminal's cursor.
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


def begun(cluster, records, now):
    """
    Return the memory of a watch that begins, and what it finds: ``(memory, lines)``.

    cluster
        What the runner ``openstack_ha.cluster`` returns.

    records
        What is kept of each system about which there is a decision, by its name.

    now
        Seconds since the epoch.
    """
    lines = []
    for system, record in records.items():
        decision = record.get("decision")
        if decision and decision["verdict"] != "settled":
            age = openstack_ha_age.age(now - record["decided"])
            lines.append(_plain(f"{_decided(system, decision)} (for {age})"))
    memory = {
        "name": cluster["name"],
        "nodes": set(cluster["nodes"]),
        # What was told last of each node, and when; what each waits for; jobs by their id.
        "told": {},
        "waits": {},
        "jobs": {},
    }
    return memory, lines or ["every system is settled"]


def heard(memory, tag, data, now):
    """
    Return the lines for one event, mostly none; what is remembered of it goes into ``memory``.

    memory
        As ``begun`` made it.

    tag, data
        The event's.

    now
        Seconds of a clock that nobody sets.
    """
    if not isinstance(data, dict):
        return []
    try:
        return [_plain(line) for line in _lines(memory, tag, data, now)]
    except (AttributeError, KeyError, TypeError, ValueError):
        # Somebody's nonsense.
        return []


def waiting(memory, now):
    """
    Return lines for what nodes wait for, while nothing else is heard.

    memory, now
        As for ``heard``.
    """
    memory["waits"] = {
        node: one for node, one in memory["waits"].items() if now - one["heard"] <= FRESH
    }
    return [_plain(_waits(node, one, now)) for node, one in sorted(memory["waits"].items())]


def _lines(memory, tag, data, now):
    own = OWN.fullmatch(tag)
    if own and own["cluster"] == memory["name"]:
        return _of_formula(memory, own["system"], own["what"], data, now)
    for pattern, tell in ((PROGRESS, _step), (NEW, _new), (RETURN, _return), (START, _start)):
        found = pattern.fullmatch(tag)
        if found:
            return tell(memory, found, data, now)
    return []


def _of_formula(memory, system, what, data, now):
    if what == "decision":
        return [_decided(system, data)]
    if what == "done":
        return [_back(node, one) for node, one in data["nodes"].items()]
    node, said = data["id"], data["data"]
    if node not in memory["nodes"]:
        return []
    since = now - int(said["seconds"])
    one = {"system": system, "lacking": said["lacking"], "since": since, "heard": now}
    before = memory["waits"].get(node, {})
    memory["waits"][node] = one
    if all(before.get(key) == one[key] for key in ("system", "lacking")):
        return [_waits(node, one, now)] if _is_quiet(memory, node, now) else []
    memory["told"][node] = now
    return [_waits(node, one, now)]


def _decided(system, decision):
    nodes = f" {', '.join(decision['nodes'])}" if decision["nodes"] else ""
    verdict = decision["verdict"]
    if verdict in openstack_ha_rule.RESTING:
        nodes = ""
    way_out = f" {decision['way_out']}" if decision.get("way_out") else ""
    return f"{system}: {verdict}{nodes}: {decision['why']}{way_out}"


def _back(node, one):
    return (
        f"{node} is back" if one["is_back"] else f"{node} is not back: {one['step']}: {one['why']}"
    )


def _waits(node, one, now):
    seconds = int(now - one["since"])
    lasts = f" for {openstack_ha_age.age(seconds)}" if seconds else ""
    return f"{node} waits for the master's word about {one['system']}{lasts}: {one['lacking']}"


def _step(memory, found, data, now):
    """One state of a run: told when it changed something or failed, or after a silence."""
    node, state = found["node"], data["data"]["ret"]
    if node not in memory["nodes"]:
        return []
    memory["waits"].pop(node, None)
    # Salt numbers what it runs on behalf of others, too.
    count = int(data["data"]["len"])
    place = f"{node}: {min(int(state['__run_num__']) + 1, count)} of {count}"
    name, result = state.get("__id__") or state["name"], state["result"]
    line = f"{place}, {name}"
    if result is False:
        line += f" FAILED: {state.get('comment', '')}"
    elif result is None:
        line += " would change"
    elif state.get("changes"):
        line += " changed"
    elif not _is_quiet(memory, node, now):
        return []
    memory["told"][node] = now
    return [line]


def _is_quiet(memory, node, now):
    """Whether nothing has been told of a node for a while; if so, it is now."""
    last = memory["told"].get(node)
    if last is not None and now - last < QUIET:
        return False
    memory["told"][node] = now
    return True


def _new(memory, found, data, now):
    nodes = [node for node in data["minions"] if node in memory["nodes"]]
    if not data["fun"].startswith("state.") or not nodes:
        return []
    memory["jobs"][found["jid"]] = (data["fun"], now)
    names = " ".join(str(one) for one in data["arg"] if isinstance(one, str))
    return [f"{', '.join(nodes)}: {data['fun']} {names}".rstrip() + " begins"]


def _return(memory, found, data, now):
    node = found["node"]
    if node not in memory["nodes"] or found["jid"] not in memory["jobs"]:
        return []
    memory["waits"].pop(node, None)
    fun, since = memory["jobs"][found["jid"]]
    states = data["return"]
    head = f"{node}: {fun} ended after {openstack_ha_age.age(now - since)}"
    if not isinstance(states, dict):
        why = states if isinstance(states, str) else "; ".join(map(str, states))
        return [f"{head}: FAILED: {why}"]
    results = [one["result"] for one in states.values()]
    changed = sum(bool(one.get("changes")) for one in states.values())
    return [f"{head}: {changed} of {len(results)} states changed, {results.count(False)} failed"]


def _start(memory, found, data, now):
    return [f"{found['node']}: its minion started"] if found["node"] in memory["nodes"] else []


def _plain(line):
    """One line of plain text, whatever somebody sends."""
    text = CONTROL.sub(" ", line)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 2]}.."
