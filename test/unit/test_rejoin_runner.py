"""Coming back after a boot: who is noted, and what becomes of those who come up together."""

import json

import pytest
from runners import Master, Nodes, load
from salt.exceptions import CommandExecutionError, SaltRunnerError

CONTROLLERS = ["ctl1", "ctl2", "ctl3"]


class Booting(Nodes):
    def __init__(self):
        super().__init__(CONTROLLERS)
        self.facts = {}

    def status(self, node):
        return {"is_deployed": True, "has_rejoined": False, "is_applying": False} | self.facts.get(
            node, {}
        )

    def finish(self, node):
        self.facts[node] = {"has_rejoined": True}
        return {}


@pytest.fixture
def master(tmp_path):
    made = Master(tmp_path, Booting())
    made.orchestrations, made.fails = [], {}

    def orchestrate(mods, pillar):
        assert mods == "openstack_ha.orch.rejoin"
        given = pillar["openstack_ha_rejoin"]
        made.orchestrations.append(list(given["nodes"]))
        if isinstance(made.fails, Exception):
            raise made.fails
        states = {}
        for name in ["sync", *[step["system"] for step in given["steps"]]]:
            failed = {node: why for node, why in made.fails.items() if node in given["nodes"]}
            is_bad = name == "galera" and failed
            returned = {node: failed.get(node) for node in given["nodes"] if node in failed}
            state = {"result": not is_bad, "comment": "Run failed", "changes": {"ret": returned}}
            states[name] = {"__id__": f"openstack_ha_rejoin_{name}", **state}
        return {"data": {"master": states}}

    made.functions["state.orchestrate"] = orchestrate
    return made


def boot(master, *nodes):
    return [master.run("openstack_ha_rejoin.booted", f"salt/minion/{one}/start") for one in nodes]


def answer(master):
    return master.run("openstack_ha_rejoin.answer", "demo")


def spool(tmp_path, name="demo"):
    return tmp_path / "cache" / "openstack_ha" / "rejoin" / f"{name}.json"


def test_a_boot_rings_for_the_systems_of_the_node_and_a_strangers_for_none(master):
    assert boot(master, "ctl1") == [{"demo": ["ctl1"]}]
    tags = [tag for tag, _data in master.events]
    for system in ("galera", "rabbitmq", "keystone"):
        assert f"openstack_ha/demo/{system}/doorbell" in tags
    assert tags[-1] == "openstack_ha/demo/booted"
    assert len(tags) == len(set(tags))
    master.events.clear()
    assert boot(master, "stranger", "../etc") == [{}, {}]
    assert master.events == []
    assert master.run("openstack_ha_rejoin.booted", "salt/auth") == {}


def test_those_who_boot_together_come_back_together(master):
    boot(master, "ctl1", "ctl2")
    (batch,) = answer(master)
    assert master.orchestrations == [["ctl1", "ctl2"]]
    assert batch["nodes"] == dict.fromkeys(
        ["ctl1", "ctl2"], {"is_back": True, "step": None, "why": None}
    )
    assert master.record("demo.rejoin") == batch
    assert master.events[-1][0] == "openstack_ha/demo/rejoin/done"
    assert master.nodes.facts == {one: {"has_rejoined": True} for one in ("ctl1", "ctl2")}
    assert answer(master) == []


def test_a_batch_waits_until_nobody_else_boots_and_not_for_ever(master, tmp_path):
    boot(master, "ctl1")
    rejoin = master.modules["_runners", "openstack_ha_rejoin"]
    former, late = rejoin.time.sleep, ["ctl2", "ctl3"]

    def sleep(seconds):
        former(seconds)
        if late:
            rejoin._add("demo", [late.pop()])

    rejoin.time.sleep = sleep
    begin = master.clock.now
    answer(master)
    assert sorted(master.orchestrations[0]) == CONTROLLERS
    assert master.clock.now - begin >= rejoin.QUIET
    numbers = iter(range(1000))

    def always(seconds):
        former(seconds)
        number = next(numbers)
        assert number < 100, "no end"
        rejoin._add("demo", [f"n{number}"])

    rejoin.time.sleep = always
    boot(master, "ctl1")
    begin = master.clock.now
    answer(master)
    assert master.clock.now - begin <= rejoin.LONGEST_WAIT + 1


@pytest.mark.parametrize(
    "facts",
    [{"has_rejoined": True}, {"is_deployed": False}, {"is_applying": True}],
    ids=["it is back", "it never was deployed", "an operator is at work"],
)
def test_who_needs_nothing_is_left_alone(master, facts):
    master.nodes.facts["ctl1"] = facts
    boot(master, "ctl1")
    assert answer(master) == []
    assert master.orchestrations == []


def test_who_is_silent_is_asked_again_by_the_schedule(master):
    master.nodes.silent = {"ctl1"}
    boot(master, "ctl1")
    assert answer(master) == []
    master.nodes.silent = set()
    for one in ("ctl2", "ctl3", "cmp1", "cmp2", "sto1", "sto2", "sto3"):
        master.nodes.facts[one] = {"has_rejoined": True}
    found = master.run("openstack_ha_rejoin.reconcile")
    assert [list(batch["nodes"]) for batch in found["demo"]] == [["ctl1"]]
    assert master.run("openstack_ha_rejoin.reconcile", "demo") == {"demo": []}


def test_one_that_fails_holds_nobody_up(master):
    master.fails = {"ctl2": "no disk"}
    boot(master, *CONTROLLERS)
    (batch,) = answer(master)
    assert master.orchestrations == [CONTROLLERS, ["ctl1", "ctl3"]]
    assert batch["nodes"]["ctl2"] == {"is_back": False, "step": "galera", "why": "no disk"}
    assert [one for one, told in batch["nodes"].items() if told["is_back"]] == ["ctl1", "ctl3"]
    assert "ctl2" not in master.nodes.facts


def test_who_cannot_be_marked_is_not_back(master):
    master.nodes.broken = {"ctl1"}
    master.nodes.status = lambda node: {
        "is_deployed": True,
        "has_rejoined": False,
        "is_applying": False,
    }
    former = master.nodes.answer

    def asked(node, function, arguments):
        if function.endswith(".status"):
            return master.nodes.status(node)
        return former(node, function, arguments)

    master.nodes.answer = asked
    boot(master, "ctl1")
    (batch,) = answer(master)
    assert batch["nodes"]["ctl1"]["step"] == "finish"


def test_an_orchestration_that_cannot_run_is_told_of_all(master):
    master.fails = CommandExecutionError("no file server")
    boot(master, "ctl1", "ctl2")
    (batch,) = answer(master)
    whys = {told["why"] for told in batch["nodes"].values()}
    assert (whys, len(master.orchestrations)) == ({"no file server"}, 1)


def test_a_flood_of_events_has_a_limit(master, tmp_path):
    rejoin = master.modules["_runners", "openstack_ha_rejoin"]
    rejoin.MOST = 3
    rejoin._add("demo", [f"n{one}" for one in range(9)])
    assert json.loads(spool(tmp_path).read_text(encoding="utf-8")) == ["n0", "n1", "n2"]


def test_a_spool_that_was_cut_is_begun_anew(master, tmp_path):
    boot(master, "ctl1")
    spool(tmp_path).write_text('["ct', encoding="utf-8")
    assert answer(master) == []
    boot(master, "ctl2")
    assert [list(batch["nodes"]) for batch in answer(master)] == [["ctl2"]]


def test_a_spool_is_one_writers_at_a_time_and_the_masters_alone(master, tmp_path, monkeypatch):
    rejoin, locks = master.modules["_runners", "openstack_ha_rejoin"], []
    monkeypatch.setattr(rejoin.fcntl, "flock", lambda handle, how: locks.append(how))
    rejoin._add("demo", ["ctl1"])
    assert locks == [rejoin.fcntl.LOCK_EX]
    assert spool(tmp_path).parent.stat().st_mode & 0o777 == 0o700


def test_who_is_at_it_is_left_to_it(master):
    boot(master, "ctl1")
    master.run("openstack_ha_lease.acquire", "demo.rejoin", 60)
    assert answer(master) is None
    master.run("openstack_ha_lease.acquire", "rejoin.booted", 60)
    assert boot(master, "ctl2") == [None]
    with pytest.raises(SaltRunnerError, match="there is no cluster 'other'"):
        master.run("openstack_ha_rejoin.answer", "other")


def test_a_node_tells_where_it_is(tmp_path):
    node = load("_modules", "openstack_ha_rejoin")
    node.DEPLOYED, node.REJOINED = str(tmp_path / "deployed"), str(tmp_path / "run" / "rejoined")
    jobs = []
    node.__salt__ = {"saltutil.is_running": lambda fun: jobs if fun == "state.*" else 1 / 0}
    assert node.status() == {"is_deployed": False, "has_rejoined": False, "is_applying": False}
    jobs.append({"fun": "state.highstate"})
    (tmp_path / "deployed").touch()
    assert node.finish() == {"is_deployed": True, "has_rejoined": True, "is_applying": True}
    assert (tmp_path / "run" / "rejoined").stat().st_mode & 0o777 == 0o644
