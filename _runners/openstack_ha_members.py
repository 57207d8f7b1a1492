"""
A cluster's controllers, and what they answer the master.

Whatever is decided rests on what is asked here. An event can be anybody's, and so can a job's
return; the answers to these questions are sealed by the node's own key (``openstack_ha_seal``), and
an error is an answer. What has no seal counts as silence. One text of Salt's own is heard all the
same: that there is no such function on a node, whose modules can seal nothing then. It makes
nothing happen: what is decided by it is that they are to be brought.
"""

import contextlib
import logging
import math
import os
import time
import uuid

import salt.client
from salt.exceptions import SaltClientError, SaltRunnerError

log = logging.getLogger(__name__)

__virtualname__ = "openstack_ha_members"

# Seconds for a node to answer a question; Salt then asks whether the job still runs, and goes on
# waiting while it does, so a long crash recovery or transfer is not cut off. A node that is down
# costs both, and an outage is when nodes are down.
ANSWER_TIMEOUT = 5
GATHER_TIMEOUT = 5
# Seconds for one that has just been silent for all of that (openstack_ha_silence), and how often
# the time that the slowest of the others took: of a busy cluster everybody is slow.
GRACE, TIMES = 3, 2
# A survey: seconds until those that have not answered are asked whether they still work on it, and
# for them to say so; together what a node that is down costs.
SURVEY_TIMEOUT = 5
SURVEY_GATHER_TIMEOUT = 3
# Seconds for a node that does say so, as one whose database hangs; a probe of its own has its
# time limits beyond that.
SURVEY_PATIENCE = 30
EVENT_POLL = 0.05
SERVE = "openstack_ha_master.serve"
# What Salt's minion says of a function that it does not have begins so.
NO_SERVE = f"'{SERVE}' is not available"
# How Salt's client marks a minion that has not returned, for which it makes up a text.
NO_RETURN = "no_return"
# Where Salt's master has the keys of minions, by what was decided about them.
KEYS = {
    "accepted": "minions",
    "pending": "minions_pre",
    "rejected": "minions_rejected",
    "denied": "minions_denied",
}


def __init__(opts):
    __utils__["openstack_ha_command.guard"](globals())


def __virtual__():
    return __virtualname__


def controllers(name):
    """
    Return the ids of the cluster's controllers, in the order of the cluster file.

    name
        The cluster's name.

    Raises SaltRunnerError when there is no such cluster.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha_members.controllers demo
    """
    nodes = __salt__["openstack_ha.cluster"](name)["nodes"]
    return [one for one, node in nodes.items() if "controller" in node["roles"]]


def keys(nodes):
    """
    Return what became of the nodes' keys: ``accepted``, ``pending``, ``rejected``, ``denied``, or
    ``absent`` for a minion that this master has never heard.

    nodes
        Minion ids.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha_members.keys '[ctl1, ctl2]'
    """
    return {node: _key(node) for node in nodes}


def evidence(nodes, fun, patience=None, is_thorough=False):
    """
    Return what nodes say of themselves to this master, and who of them obeys another one.

    nodes
        Minion ids.

    fun
        A function of the formula that returns a mapping.

    patience
        Seconds after which a node is not waited for any more; default: as long as it says that it
        works on it.

    is_thorough
        Wait for those that have just been silent as for everybody.

    Returns ``{"found": {node: mapping or None}, "rivals": {node: master}}``; a node that has no
    such function, as before ``saltutil.sync_all``, is found to lack it (``{"lacks": function}``),
    and one that answers with an error has said that (``{"error": text}``).
    Two masters that ask at the same moment can each get some of the nodes; the one with fewer lets
    go of its own, so that the other one has all of them at its next look.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha_members.evidence '[ctl1, ctl2]' openstack_ha_galera.evidence
    """
    found = _publish(nodes, fun, {}, patience, is_thorough)
    for node, reply in found.items():
        if reply is not None and (why := _unable(reply)):
            log.warning("openstack_ha: no evidence of %s: %s", node, why)
    answers = {node: one for node, one in found.items() if one is not None and "obeys" in one}
    rivals = {node: one["obeys"] for node, one in answers.items() if not _is_ours(one)}
    own = [node for node in answers if node not in rivals]
    if rivals and own and len(own) <= len(rivals):
        _publish(own, "openstack_ha_master.leave", {})
    return {"found": {**found, **dict.fromkeys(rivals)}, "rivals": rivals}


def order(nodes, fun, arguments=None):
    """
    Tell exactly these nodes to take a step, wait as long as they work on it, and return what went
    wrong.

    nodes
        Minion ids.

    fun
        A function of the formula.

    arguments
        Its arguments by name.

    Returns the reason by node; nothing for those that did it. Of one that did not answer nobody
    knows whether it did it, or still works on it.

    Raises SaltRunnerError when the master cannot publish.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha_members.order '[ctl1]' openstack_ha_galera.launch
    """
    replies = _publish(nodes, fun, arguments or {})
    failures = {node: why for node, reply in replies.items() if (why := _failure(reply))}
    if failures:
        log.error("openstack_ha: %s failed: %s", fun, failures)
    return failures


def ask(node, fun, arguments=None):
    """
    Return what one node answers to an order.

    node
        A minion id.

    fun
        A function of the formula that returns a mapping.

    arguments
        Its arguments by name.

    Raises SaltRunnerError when it does not answer, fails, or obeys another master.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha_members.ask sto1 openstack_ha_swift_ring.plan '{ring: object}'
    """
    reply = _publish([node], fun, arguments or {})[node]
    why = _failure(reply)
    if why:
        raise SaltRunnerError(f"{node}: {why}")
    return {key: value for key, value in reply.items() if key != "obeys"}


def tell(nodes, system, decision):
    """
    Say what was decided to nodes, which keep it for the states that wait, and return what went
    wrong.

    nodes
        Minion ids; none is nothing to do.

    system
        Whose decision it is, as for ``openstack_ha_word.hear``.

    decision
        ``{verdict, why, way_out}``, and ``owner`` where one node looks after something for all.

    Returns the reason by node; nothing for those that heard it.

    Raises SaltRunnerError when the master cannot publish.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha_members.tell '[ctl1]' galera '{verdict: wait, why: x, way_out: null}'
    """
    if not nodes:
        return {}
    word = __utils__["openstack_ha_rule.word"](decision)
    return order(nodes, "openstack_ha_word.hear", {"system": system, **word})


def survey(nodes, fun):
    """
    Return what exactly these nodes answer in bounded time, by node; who does not answer is missing.

    nodes
        Minion ids.

    fun
        A function of the formula that only looks.

    Raises SaltRunnerError when the master cannot publish.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha_members.survey '[ctl1, ctl2]' openstack_ha.node_status
    """
    asked = _accepted(nodes)
    if not asked:
        return {}
    with _client(fun) as client:
        replies = _in_time(client, asked, fun, {}, patience=SURVEY_PATIENCE, timeout=SURVEY_TIMEOUT)
    return {node: full["ret"] for node, full in replies.items() if node in nodes and "ret" in full}


def _publish(nodes, fun, arguments, patience=None, is_thorough=False):
    """What each node sealed, or that it lacks what is asked for; None where there is no answer."""
    wrapped = {"master": __opts__["id"], "function": fun, "arguments": arguments}
    wrapped["question"] = uuid.uuid4().hex
    asked = _accepted(nodes)
    if not asked:
        return dict.fromkeys(nodes)
    silent = [] if is_thorough else __salt__["openstack_ha_silence.known"](asked)
    if len(silent) == len(asked):
        silent = []
    with _client(fun) as client:
        if patience is None and not silent:
            replies = client.cmd(
                asked,
                SERVE,
                kwarg=wrapped,
                tgt_type="list",
                timeout=ANSWER_TIMEOUT,
                gather_job_timeout=GATHER_TIMEOUT,
                full_return=True,
            )
        else:
            most, first = (math.inf, ANSWER_TIMEOUT) if patience is None else (patience, patience)
            replies = _in_time(
                client, asked, SERVE, wrapped, patience=most, timeout=first, silent=silent
            )
    answers = {node: _reply(node, wrapped["question"], replies.get(node)) for node in nodes}
    __salt__["openstack_ha_silence.end"]([one for one in silent if answers[one] is not None])
    fallen = [one for one in asked if answers[one] is None and one not in silent]
    __salt__["openstack_ha_silence.begin"](fallen)
    return answers


def _accepted(nodes):
    """
    Those whose keys are accepted; nobody else hears a job. Of a job that nobody hears Salt prints a
    line of its own, which would stand before the answer.
    """
    return [node for node in nodes if _key(node) == "accepted"]


def _key(node):
    for state, folder in KEYS.items():
        if os.path.isfile(os.path.join(__opts__["pki_dir"], folder, node)):
            return state
    return "absent"


@contextlib.contextmanager
def _client(fun):
    try:
        with salt.client.get_local_client(__opts__["conf_file"]) as client:
            yield client
    except SaltClientError as exc:
        raise SaltRunnerError(f"the master cannot publish {fun}: {exc}") from exc


def _in_time(client, nodes, fun, arguments, *, patience, timeout, silent=()):
    """
    What has come by node until then: cmd() goes on as long as a node says that it works. Seconds of
    silence until nodes are asked whether they do: each such question is one more job for them.
    """
    replies, begin, heard = {}, time.monotonic(), 0
    for answers in client.cmd_iter_no_block(
        list(nodes),
        fun,
        kwarg=arguments or None,
        tgt_type="list",
        timeout=timeout,
        gather_job_timeout=SURVEY_GATHER_TIMEOUT,
    ):
        replies.update(answers or {})
        took = time.monotonic() - begin
        heard = took if answers else heard
        are_there = set(nodes) <= {*replies, *silent}
        if took > patience or (are_there and took > max(GRACE, TIMES * heard)):
            break
        if not answers:
            # It looks for an event and does not wait for one.
            time.sleep(EVENT_POLL)
    return replies


def _failure(reply):
    """Why an order was not carried out, None when it was."""
    if reply is None:
        return "did not answer"
    if why := _unable(reply):
        return why
    return None if _is_ours(reply) else f"obeys the master {reply['obeys']}"


def _unable(reply):
    """Why a node could not do what it was asked for, None when it could."""
    if "lacks" in reply:
        return f"has no {reply['lacks']}; saltutil.sync_all brings it"
    return reply.get("error")


def _is_ours(reply):
    return reply.get("obeys") == __opts__["id"]


def _reply(node, question, full):
    """What a node answered, None when it did not itself."""
    if not isinstance(full, dict) or "ret" not in full or full.get("out") == NO_RETURN:
        return None
    if isinstance(full["ret"], dict):
        return __salt__["openstack_ha_seal.opened"](node, question, full["ret"])
    if NO_SERVE in str(full["ret"]):
        return {"lacks": SERVE}
    log.error("openstack_ha: what came of %s has no seal; it is ignored: %s", node, full["ret"])
    return None
