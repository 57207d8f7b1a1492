"""
What the rules of coordinated systems have in common.

The rule of a system is pure: ``openstack_ha_<system>_rule`` has four functions over one case.

decide(case)
    What is to be done, as a list of decisions.
remember(case, decision)
    What the master keeps with a decision until the next look, as a mapping.
listeners(case, decision)
    Ids of the nodes that are told.
again(case, decision, failures)
    Seconds until the next look, None when only an event or the schedule asks for one. ``failures``
    are what went wrong by node, None when there was no step to take.

A case is a mapping::

    name      the cluster's
    system    the system's
    cluster   what the runner ``openstack_ha.cluster`` returns
    nodes     ids of the nodes that the system is looked after on, in the cluster file's order
    found     what each said by id, None for silence
    rivals    the other master that is obeyed, by node
    records   what is kept by subject, as ``openstack_ha_record.decided`` keeps it
    facts     what only the master has, None where a system has nothing such
    wish      what a person asks for, None without one
    now       seconds since the epoch

A decision is a mapping::

    verdict    *settled*, *wait* and *refuse* rest; any other one is the name of the function that
               carries it out: of the system's runner, which is called with case and decision, else
               of the nodes' module
    nodes      ids of those that are to take the step, or that a refusal is about
    why        the reason, a line
    way_out    of a refusal, or of a wait that lasts, what ends it; else None
    subject    what it is about, where a system has several decisions at once
    arguments  of the step, by name
    is_final   it cannot be undone: everybody is asked once more just before, and it stands only if
               the decision is the same
    ends_wish  what a person asked for is done with this step
    owner      the node that looks after something for all
"""

RESTING = ("settled", "wait", "refuse")
# What of a decision its nodes hear.
WORD = ("verdict", "why", "way_out", "owner")

# Where a person is sent: a file of docs/runbooks and the heading in it.
OLD_MODULE = ("lost-node.md", "A controller answers with an old module")
ERROR = ("lost-node.md", "A node answers with an error")
IN_VAIN = ("lost-node.md", "A step changes nothing")

# Seconds for a step to show: systemd begins what was ordered when it is its turn.
SHOWING = 30
# Seconds until a step that changed nothing is taken again, doubled with each time, and the most.
FIRST_PAUSE = 60
LONGEST_PAUSE = 3600
# Characters of a node's error in a text.
TOLD = 200
TRACEBACK = "Traceback (most recent call last)"


def is_resting(decision):
    """
    Return whether nothing is to be done for a decision.

    decision
        A decision.
    """
    return decision["verdict"] in RESTING


def subject(decision):
    """
    Return what a decision is about, "" where its system has one decision only.

    decision
        A decision.
    """
    return decision.get("subject", "")


def word(decision):
    """
    Return what nodes hear of a decision.

    decision
        A decision.
    """
    return {key: decision[key] for key in WORD if key in decision}


def fits(value, shape):
    """
    Return whether what a node said is of a shape, so that a rule may read it.

    value
        Anything.

    shape
        A type; None; a tuple of shapes of which one has to fit; a list with the shape of all items;
        or a mapping with the shape of each key that has to be there, where the key ``str`` stands
        for any.
    """
    if isinstance(shape, dict):
        if not isinstance(value, dict):
            return False
        if str in shape:
            return all(isinstance(one, str) and fits(value[one], shape[str]) for one in value)
        return all(key in value and fits(value[key], one) for key, one in shape.items())
    if isinstance(shape, list):
        return isinstance(value, list) and all(fits(one, shape[0]) for one in value)
    if isinstance(shape, tuple):
        return any(fits(value, one) for one in shape)
    if shape is None:
        return value is None
    return isinstance(value, shape) and (shape is bool or not isinstance(value, bool))


def error(said):
    """
    Return the error that a node answered with, None when it answered with something else.

    said
        What it said.
    """
    text = said.get("error") if isinstance(said, dict) else None
    return text if isinstance(text, str) else None


def unclear(members, evidence, seen):
    """
    Return the members that answered, but not with what was asked for: by modules of another version
    than the master's.

    members
        Ids of all members.

    evidence
        What each answered by id, None or nothing where it did not.

    seen
        Those of it that are complete.
    """
    return [
        node
        for node in members
        if evidence.get(node) is not None and node not in seen and error(evidence[node]) is None
    ]


def understood(case, shape):
    """
    Return the evidence of a case by node, of those whose evidence is of a shape; and the decision
    that refuses the rest, where somebody's modules are of another version, else None.

    case
        The case.

    shape
        As for ``fits``.
    """
    found, members = case["found"], case["nodes"]
    seen = {node: found[node] for node in members if fits(found[node], shape)}
    old = unclear(members, found, seen)
    if not old:
        return seen, None
    refusal = {"verdict": "refuse", "nodes": old, "why": less(old), "way_out": sync(old[0])}
    return seen, refusal


def silence(members, evidence):
    """
    Return who of members is not known and why, as clauses: silent, or with an error.

    members
        Ids of members that are not known.

    evidence
        As for ``unclear``.
    """
    errors = {node: text for node in members if (text := error(evidence.get(node))) is not None}
    silent = [node for node in members if node not in errors]
    found = [f"{', '.join(silent)} did not answer"] if silent else []
    return found + [f"{node} answered with an error ({short(errors[node])})" for node in errors]


def nobody(case, seen, members, why):
    """
    Return the decision that waits because nobody of those who answer can act, with who is unknown.

    case
        The case.

    seen
        The evidence by node, of those whose evidence is understood.

    members
        Ids of those of whom one would do.

    why
        What all who answer lack, as a clause.
    """
    unknown = [node for node in members if node not in seen]
    told = silence(unknown, case["found"]) if unknown else []
    return {"verdict": "wait", "nodes": [], "why": ", ".join([why, *told]), "way_out": None}


def short(text):
    """
    Return a text as one line of bounded length; of a traceback, its last line.

    text
        A text.
    """
    if TRACEBACK in text:
        text = text.strip().rpartition("\n")[2]
    line = " ".join(text.split())
    return line if len(line) <= TOLD else f"{line[:TOLD]} .."


def have_answered(found):
    """
    Return whether everybody has answered, with anything but an error.

    found
        What each said by id, None for silence.
    """
    return all(one and error(one) is None for one in found.values())


def less(nodes):
    """
    Return what is wrong with members that are unclear.

    nodes
        Their ids.
    """
    return f"{', '.join(nodes)} answered with less than this master's modules would"


def sync(node):
    """
    Return the command that mends an unclear member.

    node
        Its id.
    """
    return f"salt {node} saltutil.sync_all"


def show(name, system):
    """
    Return the command that shows what is known of a system, and what would be decided.

    name
        The cluster's name.

    system
        The system's.
    """
    return f"salt-run openstack_ha_coordinator.plan {name} {system}"


def stand_back(rivals, decision):
    """
    Return the decision of a master that is not the one whom every member obeys: only that one acts.

    rivals
        The master that is obeyed, by id of the member.

    decision
        What would be decided otherwise.
    """
    why = ", ".join(f"{node} obeys the master {master}" for node, master in rivals.items())
    return {**_resting(decision), "verdict": "wait", "nodes": [], "why": why, "way_out": None}


def failed(decision, failures):
    """
    Return what is said of a step that failed: it is taken again at the next look.

    decision
        The decision.

    failures
        What went wrong by node.
    """
    told = "; ".join(f"{node}: {short(str(why))}" for node, why in failures.items())
    why = f"{decision['why']}; {decision['verdict']} failed: {told}"
    return {**_resting(decision), "verdict": "wait", "why": why}


def in_vain(name, system, decision, tried, now):
    """
    Return what is said instead of a decision that has just been carried out and has changed
    nothing, or None when it is time to carry it out again.

    name, system
        The cluster's name and the system's.

    decision
        The decision.

    tried
        ``{"decision", "at", "times"}``: what was carried out last, when, and how often in a row;
        None where nothing was.

    now
        Seconds since the epoch.
    """
    if not tried or tried["decision"] != decision:
        return None
    # A time from the future is of another clock, and tells nothing.
    passed, pause = now - tried["at"], min(FIRST_PAUSE * 2 ** (tried["times"] - 1), LONGEST_PAUSE)
    if not 0 <= passed < pause:
        return None
    of = f" of {', '.join(decision['nodes'])}" if decision["nodes"] else ""
    done = f"{decision['why']}; {decision['verdict']}{of} was done"
    if passed < SHOWING:
        return {**_resting(decision), "verdict": "wait", "why": f"{done}, and does not show yet"}
    runbook, title = IN_VAIN
    return {
        **_resting(decision),
        "verdict": "refuse",
        "why": f"{done}, and has changed nothing ({tried['times']} times)",
        "way_out": f"docs/runbooks/{runbook}, '{title}': "
        f"`salt-run openstack_ha_coordinator.by_hand {name} {system}` does it again at once",
    }


def begun(before, now):
    """
    Return since when something is as it is, in seconds since the epoch.

    before
        What this returned at the look before, None when it was otherwise then. A time from the
        future is of another clock, and not known.

    now
        Seconds since the epoch.
    """
    return before if before is not None and before <= now else now


def has_heard(said, decision):
    """
    Return whether a node's last word of the master is this decision.

    said
        Its evidence, with ``heard``.

    decision
        A decision.
    """
    heard = said["heard"]
    return isinstance(heard, dict) and all(heard.get(key) == decision.get(key) for key in WORD)


def _resting(decision):
    """A decision without what belongs to its step."""
    return {key: value for key, value in decision.items() if key not in ("arguments", "is_final")}
