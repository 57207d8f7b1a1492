"""
Coordinate a system of many nodes: ask them, decide by its rule, act, and look again.

A coordinated system has a rule, ``openstack_ha_<system>_rule``; ``openstack_ha_rule`` of the utils
says what that is. A doorbell carries no authority: it only chooses one of the master's own clusters
and systems, and everything that is decided rests on answers that the nodes have sealed.
"""

import logging
import time

from salt.exceptions import SaltRunnerError

log = logging.getLogger(__name__)

__virtualname__ = "openstack_ha_coordinator"

# Seconds that a person's command waits for the look that is under way.
PATIENCE = 300
# Each look is work for all who are asked, and on busy nodes it takes from what is waited for: the
# pause before the next one is as long as the look took, up to these seconds.
LONGEST_PAUSE = 3


def __init__(opts):
    __utils__["openstack_ha_command.guard"](globals())


def __virtual__():
    return __virtualname__


def evidence(name, system):
    """
    Return what every node of a system says of itself, with None for one that does not answer.

    name
        The cluster's name.

    system
        A coordinated system: ``galera``, ``rabbitmq``, ``keystone``, ``db_sync``,
        ``nova_network``, ``nova``, ``nova_builds``, ``swift`` or ``turn``.

    Raises SaltRunnerError when there is no such cluster or system, or no node has it.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha_coordinator.evidence demo galera
    """
    return _case(name, system)["found"]


def plan(name, system, wish=None):
    """
    Return what would be decided now and why, and what that rests on; nothing is done.

    name, system
        As for ``evidence``.

    wish
        What a person asks for, as functions of the system's own runner make it.

    Shows the decisions and what they rest on. ``--out=json`` gives the plain data, ``{"name",
    "system", "decisions": [{verdict, nodes, why, way_out, ..}], "evidence": {node: ..}, "kept":
    {record: what the master keeps}, "ages": {record: how long its decision stands}}``;
    ``openstack_ha_rule`` of the utils explains a decision.

    Raises SaltRunnerError as ``evidence`` does.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha_coordinator.plan demo galera
    """
    case = _case(name, system, wish)
    kept = {_under(system, subject): one for subject, one in case["records"].items()}
    age = __utils__["openstack_ha_age.age"]
    data = {
        "name": name,
        "system": system,
        "decisions": [_in_place_of(case, one) for one in _decide(case)],
        "evidence": case["found"],
        "kept": kept,
        "ages": {
            record: age(case["now"] - one["decided"])
            for record, one in kept.items()
            if "decided" in one
        },
    }
    return {"outputter": "openstack_ha_plan", "data": data}


def answer(name, system):
    """
    Answer a doorbell: look, decide and act until there is nothing to act on.

    name, system
        As for ``evidence``.

    Only one at a time acts; a doorbell meanwhile makes that one look again. Returns the decisions
    in their order, or None when somebody else is at it.

    Raises SaltRunnerError as ``evidence`` does.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha_coordinator.answer demo galera
    """
    return _look_until_done(name, system)


def by_hand(name, system, wish=None):
    """
    Do what a person asks for, after whoever is at it; without a wish, do at once what would be left
    alone for a while because it has changed nothing.

    name, system, wish
        As for ``plan``.

    Returns the decisions in their order.

    Raises SaltRunnerError when somebody else is at it for long, when a step fails, and as
    ``evidence`` does.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha_coordinator.by_hand demo galera
    """
    failures = []
    decisions = _look_until_done(name, system, wish, PATIENCE, failures)
    if decisions is None:
        raise SaltRunnerError(
            f"somebody else is at it: `salt-run openstack_ha_lease.show {name}.{system}`"
        )
    if failures:
        raise SaltRunnerError("; ".join(failures))
    return decisions


def is_idle(name, system, looked):
    """
    Keep what a look at everything shows of a system; return whether that is all.

    name, system
        As for ``evidence``.

    looked
        ``{"found": {node: evidence}, "rivals": {}, "begun": when it began}``, in seconds of the
        lease's clock; ``openstack_ha.reconcile`` makes it.

    Returns False where something is to be done, told or looked at again, and None where somebody
    else is at it.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha.reconcile
    """

    def step():
        case = _case(name, system, looked=looked)
        decisions = _decide(case)
        _forget_what_helped(case, decisions)
        decided = [(one, _in_place_of(case, one)) for one in decisions]
        if any(_is_due(case, word) for _, word in decided):
            return False
        for decision, word in decided:
            _keep(case, decision, word)
        return True

    return __salt__["openstack_ha_lease.step_over"](f"{name}.{system}", looked["begun"], step)


def _look_until_done(name, system, wish=None, patience=0, by_hand=None):
    """
    Look, decide and act under the system's lease; the decisions, None when another has it.

    ``by_hand`` is a list that takes which steps went wrong and why, where a person has asked.
    """
    _cluster_and_nodes(name, system)
    history, last, left = [], {}, {"wish": wish, "is_by_hand": by_hand is not None}

    def step():
        begin, pauses = time.monotonic(), []
        case = _case(name, system, left["wish"])
        took = time.monotonic() - begin
        decisions = _decide(case)
        _forget_what_helped(case, decisions)
        for decision in decisions:
            word = decision if left["is_by_hand"] else _in_place_of(case, decision)
            _keep(case, decision, word)
            if last.get(_subject(word)) != word:
                last[_subject(word)] = word
                history.append(word)
                _tell(case, word)
            if _has_changed(case, word):
                log.warning("openstack_ha: %s: what %s rests on has changed", name, word["verdict"])
                pauses.append(0)
                continue
            failures = _act(case, word)
            if by_hand is not None and failures:
                told = "; ".join(f"{node}: {why}" for node, why in failures.items())
                by_hand.append(f"{word['verdict']} failed: {told}")
            if failures == {} and word.get("ends_wish"):
                left["wish"] = None
            pauses.append(_of_rule(system, "again")(case, word, failures))
        left["is_by_hand"] = False
        again = min((one for one in pauses if one is not None), default=None)
        return {"again": max(again, min(took, LONGEST_PAUSE)) if again else again}

    looks = __salt__["openstack_ha_lease.look_until_done"](f"{name}.{system}", step, patience)
    return None if looks is None else history


def _case(name, system, wish=None, looked=None, is_thorough=False):
    """Everything that a rule may know, as plain data."""
    cluster, nodes = _cluster_and_nodes(name, system)
    looked = looked or __salt__["openstack_ha_members.evidence"](
        nodes, f"openstack_ha_{system}.evidence", is_thorough=is_thorough
    )
    facts = f"openstack_ha_{system}.facts"
    return {
        "name": name,
        "system": system,
        "cluster": cluster,
        "nodes": nodes,
        "found": looked["found"],
        "rivals": looked["rivals"],
        "records": __salt__["openstack_ha_record.by_subject"](name, system),
        "facts": __salt__[facts](name) if facts in __salt__ else None,
        "wish": wish,
        "now": time.time(),
    }


def _cluster_and_nodes(name, system):
    cluster = __salt__["openstack_ha.cluster"](name)
    systems = __utils__["openstack_ha_cluster.coordinated"]()
    if system not in systems:
        raise SaltRunnerError(
            f"{system!r} is no coordinated system; these are: {', '.join(systems)}"
        )
    nodes = __utils__["openstack_ha_cluster.looked_after_on"](cluster, system)
    if not nodes:
        raise SaltRunnerError(f"no node of {name} has a role for {system}")
    return cluster, nodes


def _decide(case):
    decisions = _of_rule(case["system"], "decide")(case)
    if not case["rivals"]:
        return decisions
    stand_back = __utils__["openstack_ha_rule.stand_back"]
    return [stand_back(case["rivals"], one) for one in decisions]


def _forget_what_helped(case, decisions):
    """What nothing is to be done about any more may be done at once when it comes again."""
    subjects = {_subject(one) for one in decisions}
    for subject, record in case["records"].items():
        if "tried" in record and subject not in subjects:
            record.pop("tried")
            key = f"{case['name']}.{_under(case['system'], subject)}"
            __salt__["openstack_ha_record.keep"](key, record)


def _in_place_of(case, decision):
    """The decision, or what is said instead while the step has been taken in vain."""
    if __utils__["openstack_ha_rule.is_resting"](decision):
        return decision
    in_vain = __utils__["openstack_ha_rule.in_vain"]
    tried = _tried(case, decision)
    return in_vain(case["name"], case["system"], decision, tried, case["now"]) or decision


def _keep(case, decision, word):
    """Put on record what is said, and until the next look what was tried about it."""
    kept, tried = _of_rule(case["system"], "remember")(case, decision), _tried(case, decision)
    if tried and tried["decision"] == decision:
        kept = {**kept, "tried": tried}
    __salt__["openstack_ha_record.decided"](case["name"], _record_of(case, word), word, kept)


def _tell(case, word):
    """Say the word to those who wait for it."""
    listeners = _of_rule(case["system"], "listeners")(case, word)
    __salt__["openstack_ha_members.tell"](listeners, _record_of(case, word), word)


def _has_changed(case, word):
    """Whether what cannot be undone would not be decided any more, as everybody is asked again."""
    if not word.get("is_final"):
        return False
    return word not in _decide(_case(case["name"], case["system"], case["wish"], is_thorough=True))


def _act(case, word):
    """Take the step that was decided; what went wrong by node, None when there is no step."""
    if __utils__["openstack_ha_rule.is_resting"](word):
        return None
    step = f"openstack_ha_{case['system']}.{word['verdict']}"
    if step in __salt__:
        failures = __salt__[step](case, word)
    else:
        order = __salt__["openstack_ha_members.order"]
        failures = order(word["nodes"], step, word.get("arguments"))
    key = f"{case['name']}.{_record_of(case, word)}"
    kept = __salt__["openstack_ha_record.read"](key)
    before = kept.pop("tried", None)
    if failures:
        # Said to those who wait, and tried again at the next look.
        __salt__["openstack_ha_record.keep"](key, {**kept, "failures": failures})
        _tell(case, __utils__["openstack_ha_rule.failed"](word, failures))
    else:
        times = before["times"] + 1 if before else 1
        tried = {"decision": word, "at": time.time(), "times": times}
        __salt__["openstack_ha_record.keep"](key, {**kept, "tried": tried})
    return failures


def _is_due(case, word):
    """Whether something is to be done, told or looked at again."""
    has_heard = __utils__["openstack_ha_rule.has_heard"]
    return (
        not __utils__["openstack_ha_rule.is_resting"](word)
        or word != case["records"].get(_subject(word), {}).get("decision")
        or _of_rule(case["system"], "again")(case, word, None) is not None
        or any(
            not has_heard(one, word)
            for one in case["found"].values()
            if isinstance(one, dict) and "heard" in one
        )
    )


def _tried(case, decision):
    return case["records"].get(_subject(decision), {}).get("tried")


def _record_of(case, decision):
    """Whose record and word it is: the system's, or that of one subject of it."""
    return _under(case["system"], _subject(decision))


def _under(system, subject):
    return f"{system}.{subject}" if subject else system


def _subject(decision):
    return __utils__["openstack_ha_rule.subject"](decision)


def _of_rule(system, function):
    return __utils__[f"openstack_ha_{system}_rule.{function}"]
