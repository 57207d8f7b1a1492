"""
A clustered system of nobody's: the engine takes it as it is, by lease and record of its own.

It brings a rule and the functions of its steps, and no runner, no reactor and no line for the
master (docs/adding-a-system.md).
"""

import random

import pytest
from overlay import TRIALS, formula_with, new_files
from runners import Master, Nodes
from salt.exceptions import SaltRunnerError
from support import ROOT, example

NODES = ("cmp1", "cmp2", "cmp3")
ROUND = ("demo", "lighthouse")
ANSWER, BY_HAND, PLAN = (
    f"openstack_ha_coordinator.{name}" for name in ("answer", "by_hand", "plan")
)
MOST_LINES = 80


class Lighthouses(Nodes):
    """Three daemons: what each runs with, how often it has started, and who has no unit."""

    def __init__(self):
        super().__init__(NODES)
        self.light, self.log = dict.fromkeys(NODES), dict.fromkeys(NODES, 0)
        self.bare, self.burning = set(), []

    def evidence(self, node):
        is_ready = node not in self.bare
        return {"is_ready": is_ready, "light": self.light[node], "log": self.log[node]}

    def kindle(self, node):
        return self.watch(node, node)

    def watch(self, node, light):
        self.light[node], self.log[node] = light, self.log[node] + 1
        self.burning.append([one for one in NODES if self.light[one] == one])
        return {"light": light}


@pytest.fixture(scope="module")
def formula(tmp_path_factory):
    return formula_with("lighthouse", tmp_path_factory.mktemp("formula"))


@pytest.fixture
def cluster():
    found = example()
    found["nodes"] = {
        "ctl1": {"address": "172.29.80.11", "roles": ["controller"]},
        "cmp[1-3]": {"address": "172.29.80.21-23", "roles": ["compute"]},
    }
    return found


@pytest.fixture
def master(formula, cluster, tmp_path):
    return Master(tmp_path, Lighthouses(), cluster, formula=formula)


def verdicts(master, function=ANSWER):
    return [one["verdict"] for one in master.run(function, *ROUND)]


def test_it_is_a_short_rule_and_brings_nothing_for_the_master():
    rule = TRIALS / "lighthouse/_utils/openstack_ha_lighthouse_rule.py"
    assert len(rule.read_text(encoding="utf-8").splitlines()) < MOST_LINES
    folders = {path.partition("/")[0] for path in new_files("lighthouse")}
    assert folders == {"_utils", "_modules", "_states", "openstack_ha"}
    assert not [path for path in new_files("lighthouse") if "reactor" in path or "master" in path]


def test_the_formula_does_not_know_it(cluster, tmp_path):
    master = Master(tmp_path, Lighthouses(), cluster)
    with pytest.raises(SaltRunnerError, match="'lighthouse' is no coordinated system"):
        master.run(ANSWER, *ROUND)
    assert not list(ROOT.glob("_*/*lighthouse*"))


def test_one_burns_and_the_others_are_started_in_their_order(master):
    master.nodes.log["cmp2"] = 5
    assert verdicts(master) == ["kindle", "watch", "watch", "settled"]
    orders = [(nodes, step) for nodes, step in master.orders("lighthouse")]
    assert orders == [(("cmp2",), "kindle"), (("cmp1",), "watch"), (("cmp3",), "watch")]
    assert master.record("demo.lighthouse")["decision"]["owner"] == "cmp2"
    told = [data["verdict"] for tag, data in master.events if tag.endswith("lighthouse/decision")]
    assert told == ["kindle", "watch", "watch", "settled"]
    assert {node for node, verdict in master.nodes.heard if verdict == "settled"} == set(NODES)
    assert verdicts(master) == ["settled"]
    assert len(master.orders("lighthouse")) == 3


def test_who_is_not_configured_is_left_alone(master):
    master.nodes.bare = set(NODES)
    assert verdicts(master) == ["wait"]
    master.nodes.bare, master.nodes.log["cmp1"] = {"cmp1"}, 9
    assert verdicts(master) == ["kindle", "watch", "settled"]
    assert master.nodes.light == {"cmp1": None, "cmp2": "cmp2", "cmp3": "cmp2"}


def test_nobody_is_kindled_while_one_that_is_silent_could_burn(master):
    master.nodes.silent = {"cmp3"}
    assert verdicts(master) == ["wait"]
    master.clock.now += 601
    (refusal,) = master.run(ANSWER, *ROUND)
    assert (refusal["verdict"], refusal["nodes"]) == ("refuse", ["cmp3"])
    assert refusal["why"] == "cmp3 did not answer, and could burn"
    assert master.orders("lighthouse") == []
    master.nodes.silent = set()
    assert verdicts(master) == ["kindle", "watch", "watch", "settled"]


def test_one_that_falls_silent_holds_nobody_up_while_another_burns(master):
    verdicts(master)
    master.nodes.silent, master.nodes.light["cmp2"] = {"cmp3"}, None
    assert verdicts(master) == ["watch", "settled"]


def test_what_cannot_be_undone_is_asked_about_once_more(master):
    """cmp3 burns by the second look, so that cmp1 is not kindled."""
    master.nodes.at_look[2] = lambda: master.nodes.kindle("cmp3")
    assert verdicts(master) == ["kindle", "watch", "watch", "settled"]
    assert master.nodes.light == dict.fromkeys(NODES, "cmp3")
    assert all(len(burning) == 1 for burning in master.nodes.burning)


def test_two_that_burn_are_a_persons_who_is_told_how(master):
    verdicts(master)
    master.nodes.kindle("cmp3")
    (refusal,) = master.run(ANSWER, *ROUND)
    assert (refusal["verdict"], refusal["why"]) == ("refuse", "cmp1 and cmp3 burn")
    assert refusal["way_out"] == "`salt cmp3 openstack_ha_lighthouse.watch cmp1`"
    master.nodes.watch("cmp3", "cmp1")
    assert verdicts(master) == ["settled"]


def test_a_start_that_fails_is_named_and_taken_again(master):
    master.nodes.broken = {"cmp2"}
    with pytest.raises(SaltRunnerError, match="watch failed: cmp2: cmp2 has no room"):
        master.run(BY_HAND, *ROUND)
    master.nodes.broken = set()
    assert verdicts(master) == ["watch", "watch", "settled"]


def test_a_start_that_changes_nothing_is_refused_and_not_repeated(master, monkeypatch):
    monkeypatch.setattr(Lighthouses, "watch", lambda self, node, light: {})
    assert verdicts(master) == ["kindle", "wait"]
    master.clock.now += 31
    (refusal,) = master.run(PLAN, *ROUND)["data"]["decisions"]
    assert "kindle of cmp1 was done, and has changed nothing" in refusal["why"]
    assert len(master.orders("lighthouse")) == 1


@pytest.mark.parametrize(
    "said", [{}, {"light": 3}, {"is_ready": True, "light": "", "log": "x"}], ids=str
)
def test_a_nodes_nonsense_is_refused_by_its_name(master, monkeypatch, said):
    evidence = master.nodes.evidence
    answers = {"cmp2": lambda node: said}
    monkeypatch.setattr(master.nodes, "evidence", lambda one: answers.get(one, evidence)(one))
    (refusal,) = master.run(ANSWER, *ROUND)
    assert (refusal["verdict"], refusal["nodes"]) == ("refuse", ["cmp2"])
    assert refusal["way_out"] == "salt cmp2 saltutil.sync_all"


@pytest.mark.parametrize("seed", range(10))
def test_whatever_happens_two_never_burn_by_the_masters_word(master, seed):
    rng = random.Random(seed)
    nodes = master.nodes
    for _ in range(12):
        nodes.silent = set(rng.sample(NODES, rng.choice((0, 0, 1))))
        for node in rng.sample(NODES, rng.choice((0, 1, 2))):
            nodes.light[node] = None
        master.run(ANSWER, *ROUND)
        master.clock.now += rng.choice((1, 40, 700))
    assert all(len(burning) <= 1 for burning in nodes.burning)
    nodes.silent = set()
    master.clock.now += 4000
    assert verdicts(master)[-1] == "settled"
    (light,) = set(nodes.light.values())
    assert light in NODES
