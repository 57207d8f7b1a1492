"""What the master asks nodes, and whose answers it believes."""

import base64
import json

import pytest
from runners import Master, Nodes, load, sign
from salt.exceptions import CommandExecutionError, SaltClientError, SaltRunnerError

CONTROLLERS = ["ctl1", "ctl2", "ctl3"]
ASK = "openstack_ha_galera.evidence"


class Plain(Nodes):
    def evidence(self, node):
        return {"node": node}

    def leave(self, node):
        return {}

    def launch(self, node, **arguments):
        return {"done": arguments}

    def node_status(self, node):
        return {"status of": node}


@pytest.fixture
def master(tmp_path):
    return Master(tmp_path, Plain(CONTROLLERS))


def evidence(master, patience=None):
    return master.run("openstack_ha_members.evidence", CONTROLLERS, ASK, patience)


def test_controllers_are_those_of_the_cluster_file_in_its_order(master):
    assert master.run("openstack_ha_members.controllers", "demo") == CONTROLLERS
    with pytest.raises(SaltRunnerError, match="there is no cluster 'other'; .* name demo"):
        master.run("openstack_ha_members.controllers", "other")


@pytest.mark.parametrize("patience", [None, 20])
def test_who_is_silent_has_said_nothing_and_who_fails_has_said_why(master, patience):
    master.nodes.silent = {"ctl2"}

    def failing(node):
        if node == "ctl3":
            raise CommandExecutionError("no systemd")
        return {"node": node}

    master.nodes.evidence = failing
    found = evidence(master, patience)
    assert found["found"] == {
        "ctl1": {"node": "ctl1", "obeys": "salt_master"},
        "ctl2": None,
        "ctl3": {"error": "no systemd", "obeys": "salt_master"},
    }
    assert found["rivals"] == {}


def test_who_lacks_the_function_says_that(master):
    master.nodes.lacking = {ASK}
    lacks = {"lacks": ASK, "obeys": "salt_master"}
    assert evidence(master)["found"] == dict.fromkeys(CONTROLLERS, lacks)
    failures = master.run("openstack_ha_members.order", ["ctl1"], ASK)
    assert failures == {"ctl1": f"has no {ASK}; saltutil.sync_all brings it"}


def test_whose_modules_can_seal_nothing_lacks_them(master):
    text = "'openstack_ha_master.serve' is not available."
    master.minions["ctl2"].reply = lambda fun, kwarg: {"ret": text, "retcode": 254}
    assert evidence(master)["found"]["ctl2"] == {"lacks": "openstack_ha_master.serve"}


UNSEALED = {
    "an error": ("ERROR: no systemd", 1),
    "a traceback": ("Traceback (most recent call last):\nValueError: x", 1),
    "an error that is a mapping": ({"error": "no systemd", "obeys": "salt_master"}, 1),
    "another function": (f"'{ASK}' is not available.", 254),
    "nothing": (None, 0),
    "a list": (["no systemd"], 1),
}


@pytest.mark.parametrize(("ret", "code"), UNSEALED.values(), ids=UNSEALED)
def test_what_has_no_seal_is_silence(master, ret, code):
    """Whoever names another node in a return would have it alive, or its order failed."""
    master.minions["ctl2"].reply = lambda fun, kwarg: {"ret": ret, "retcode": code}
    assert evidence(master) == {
        "found": {
            "ctl1": {"node": "ctl1", "obeys": "salt_master"},
            "ctl2": None,
            "ctl3": {"node": "ctl3", "obeys": "salt_master"},
        },
        "rivals": {},
    }
    failures = master.run("openstack_ha_members.order", ["ctl2"], "openstack_ha_galera.launch")
    assert failures == {"ctl2": "did not answer"}


def test_a_sealed_answer_counts_whatever_exit_code_came_with_it(master):
    """The code is not sealed."""
    minion = master.minions["ctl2"]
    whole = minion.reply
    minion.reply = lambda fun, kwarg: {**whole(fun, kwarg), "retcode": 1}
    assert evidence(master)["found"]["ctl2"] == {"node": "ctl2", "obeys": "salt_master"}


@pytest.mark.parametrize(("others", "leaves"), [(1, False), (2, True), (3, False)])
def test_of_two_masters_the_one_with_fewer_lets_go(master, others, leaves):
    for node in CONTROLLERS[:others]:
        master.minions[node].module.serve("m2", ASK)
    found = evidence(master)
    assert found["rivals"] == dict.fromkeys(CONTROLLERS[:others], "m2")
    assert [node for node, one in found["found"].items() if one] == CONTROLLERS[others:]
    left = [nodes for nodes, fun, _ in master.sent if fun == "openstack_ha_master.leave"]
    assert left == ([tuple(CONTROLLERS[others:])] if leaves else [])


def test_an_order_names_who_did_not_do_it_and_why(master):
    master.nodes.silent, master.nodes.broken = {"ctl1"}, {"ctl2"}
    order = "openstack_ha_members.order"
    assert master.run(order, CONTROLLERS, "openstack_ha_galera.launch", {"a": 1}) == {
        "ctl1": "did not answer",
        "ctl2": "ctl2 has no room",
    }
    assert master.nodes.arguments["launch"] == {"a": 1}
    master.minions["ctl3"].module.serve("salt_master", "openstack_ha_master.leave")
    master.minions["ctl3"].module.serve("m2", ASK)
    failures = master.run(order, ["ctl3"], "openstack_ha_galera.launch")
    assert failures == {"ctl3": "obeys the master m2"}


def test_one_answer_is_what_was_said_or_an_error(master):
    ask = "openstack_ha_members.ask"
    assert master.run(ask, "ctl1", "openstack_ha_galera.launch", {"a": 1}) == {"done": {"a": 1}}
    master.nodes.silent = {"ctl1"}
    with pytest.raises(SaltRunnerError, match="ctl1: did not answer"):
        master.run(ask, "ctl1", "openstack_ha_galera.launch")


def test_a_word_is_told_in_its_parts_only_and_to_nobody_without_a_question(master):
    decision = {"verdict": "wait", "why": "w", "way_out": None, "nodes": ["ctl9"]}
    tell = "openstack_ha_members.tell"
    assert master.run(tell, [], "galera", decision) == {}
    assert master.sent == []
    assert master.run(tell, ["ctl1"], "galera", decision) == {}
    ((nodes, fun, arguments),) = master.sent
    assert (nodes, fun) == (("ctl1",), "openstack_ha_word.hear")
    assert arguments == {"system": "galera", "verdict": "wait", "why": "w", "way_out": None}


def test_a_survey_has_those_who_answered(master):
    master.nodes.silent = {"ctl2"}
    found = master.run("openstack_ha_members.survey", CONTROLLERS, "openstack_ha.node_status")
    assert found == {node: {"status of": node} for node in ("ctl1", "ctl3")}


def test_a_look_that_has_patience_ends_with_it(master):
    """A node that says for ever that it still works on it is left behind."""

    class Working:
        def cmd_iter_no_block(self, *args, **kwargs):
            while True:
                yield {}

        def __enter__(self):
            return self

        def __exit__(self, *exc):
            return None

    members = master.modules["_runners", "openstack_ha_members"]
    members.salt.client.get_local_client = lambda _file: Working()
    begin = master.clock.now
    assert evidence(master, 20)["found"] == dict.fromkeys(CONTROLLERS)
    assert 20 <= master.clock.now - begin < 21
    begin = master.clock.now
    assert master.run("openstack_ha_members.survey", CONTROLLERS, "openstack_ha.node_status") == {}
    assert 30 <= master.clock.now - begin < 31


def test_a_master_that_cannot_publish_says_so(master):
    def broken(_file):
        raise SaltClientError("no master")

    master.modules["_runners", "openstack_ha_members"].salt.client.get_local_client = broken
    with pytest.raises(SaltRunnerError, match=f"cannot publish {ASK}: no master"):
        evidence(master)


FORGERIES = {
    "another node's seal": lambda minions, question: minions["ctl1"].seal(question, {"node": "x"}),
    "an older question": lambda minions, question: minions["ctl2"].seal("old", {"node": "x"}),
    "a changed text": lambda minions, question: {
        **minions["ctl2"].seal(question, {"node": "x"}),
        "text": json.dumps({"node": "ctl2", "question": question, "answer": {"node": "x"}}) + " ",
    },
    "no seal": lambda minions, question: {"text": "{}"},
    "a seal that is none": lambda minions, question: {"text": "{}", "seal": "%"},
    "no text": lambda minions, question: {"node": "x"},
    "a text of another kind": lambda minions, question: {"text": 1, "seal": ""},
}


@pytest.mark.parametrize("forge", FORGERIES.values(), ids=FORGERIES)
def test_a_forged_answer_is_none(master, forge):
    """Whoever is at the other end of a connection: only the node's own key speaks for it."""

    def reply(fun, kwarg):
        answer = forge(master.minions, kwarg["question"])
        return {"ret": answer, "retcode": 0}

    master.minions["ctl2"].reply = reply
    found = evidence(master)["found"]
    assert found["ctl2"] is None
    assert found["ctl1"]["node"] == "ctl1"


def test_another_nodes_own_answer_is_not_this_nodes(master):
    """Sealed by the key of the one in whose name it comes, and said by another."""

    def reply(fun, kwarg):
        minion = master.minions["ctl2"]
        minion.node = "ctl3"
        try:
            text = minion.seal(kwarg["question"], {"node": "x"})["text"]
        finally:
            minion.node = "ctl2"
        return {"ret": {"text": text, "seal": sign("ctl2", text)}, "retcode": 0}

    master.minions["ctl2"].reply = reply
    assert evidence(master)["found"]["ctl2"] is None


def test_a_node_seals_what_its_master_opens(master, tmp_path):
    folder = tmp_path / "own"
    folder.mkdir()
    master.minions["ctl1"].write_key(folder / "minion.pem")
    seal = load("_modules", "openstack_ha_seal", __opts__={"id": "ctl1", "pki_dir": str(folder)})
    sealed = seal.seal("q", {"is": "good"})
    opened = "openstack_ha_seal.opened"
    assert master.run(opened, "ctl1", "q", sealed) == {"is": "good"}
    assert master.run(opened, "ctl2", "q", sealed) is None
    assert master.run(opened, "ctl1", "other", sealed) is None
    assert master.run(opened, "stranger", "q", sealed) is None
    assert base64.b64decode(sealed["seal"])


def test_nobody_is_asked_whose_key_is_not_accepted(master, tmp_path):
    pki = tmp_path / "pki"
    for folder in ("minions_pre", "minions_rejected"):
        (pki / folder).mkdir()
    (pki / "minions/ctl2").rename(pki / "minions_pre/ctl2")
    (pki / "minions/ctl3").unlink()
    keys = master.run("openstack_ha_members.keys", CONTROLLERS)
    assert keys == {"ctl1": "accepted", "ctl2": "pending", "ctl3": "absent"}
    assert evidence(master)["found"]["ctl2"] is None
    assert {node for nodes, *_ in master.sent for node in nodes} == {"ctl1"}
    (pki / "minions/ctl1").rename(pki / "minions_rejected/ctl1")
    master.sent.clear()
    # Of a job that nobody hears Salt prints a line that would stand before the answer.
    assert set(evidence(master)["found"].values()) == {None}
    assert master.run("openstack_ha_members.survey", CONTROLLERS, "openstack_ha.node_status") == {}
    assert master.sent == []
