"""RabbitMQ's runner over three brokers: what it tells them, in which order, and what it keeps."""

import openstack_ha_rabbitmq_membership as membership
import pytest
from runners import Master, Nodes
from salt.exceptions import SaltRunnerError

CONTROLLERS = ("ctl1", "ctl2", "ctl3")
BROKERS = [f"rabbit@{one}" for one in CONTROLLERS]
ILL = {"vhost": "/", "name": "q", "lacks": "replica"}


def broker(node):
    return f"rabbit@{node}"


class Brokers(Nodes):
    """The controllers' brokers: ``blank``, ``stopped``, ``running``, ``paused`` or ``waiting``."""

    def __init__(self, *states):
        super().__init__(CONTROLLERS)
        self.state = dict(zip(CONTROLLERS, states, strict=True))
        self.members = dict.fromkeys(CONTROLLERS, BROKERS)
        self.lacking, self.ill = set(), {}

    def running(self):
        return [broker(one) for one, state in self.state.items() if state == "running"]

    def evidence(self, node):
        state = self.state[node]
        is_running, is_blank = state == "running", state == "blank"
        members = [] if is_blank else self.members[node]
        unit = {"blank": "inactive", "stopped": "inactive", "waiting": "activating"}
        replicas = sorted(set(BROKERS) - {broker(one) for one in self.lacking})
        return {
            "is_ready": True,
            "unit": unit.get(state, "active"),
            "is_running": is_running,
            "is_paused": state == "paused",
            "is_hanging": False,
            "reaches": [],
            "is_blank": is_blank,
            "cluster": None if is_blank else "one",
            "members": members,
            "running_at_shutdown": members,
            "running": [one for one in self.running() if one in members] if is_running else [],
            "partitions": [],
            "queues": [replicas] if is_running else [],
            "ill_queues": self.ill.get(node, []) if is_running else [],
        }

    def to(self, node, state):
        self.state[node] = state
        return {}

    def form(self, node):
        assert self.state[node] == "blank"
        return self.to(node, "running")

    def join(self, node):
        assert self.state[node] == "blank"
        assert self.running()
        return self.to(node, "running")

    def launch(self, node):
        assert self.state[node] == "stopped"
        return self.to(node, "running")

    def resume(self, node):
        return self.to(node, "running")

    def rejoin_forgotten(self, node):
        self.members[node] = BROKERS
        return self.to(node, "running")

    def grow(self, node):
        self.lacking.discard(node)
        return {"grown": True}

    def repair(self, node, queues):
        self.ill.pop(node)
        return {"repaired": len(queues)}

    def stand_down(self, node):
        return self.to(node, "stopped")

    def force_boot(self, node, **arguments):
        return self.to(node, "running")


@pytest.fixture
def master(tmp_path):
    """Return a function that makes a master of brokers in these states."""
    return lambda *states: Master(tmp_path, Brokers(*states))


def answer(master):
    decisions = master.run("openstack_ha_coordinator.answer", "demo", "rabbitmq")
    return [one["verdict"] for one in decisions]


ROADS = {
    "nobody has a database": (["blank"] * 3, ["form", "settled"], [(CONTROLLERS, "form")]),
    "all have one": (["stopped"] * 3, ["launch", "settled"], [(CONTROLLERS, "launch")]),
    "two are new": (
        ["running", "blank", "blank"],
        ["join", "join", "settled"],
        [(("ctl2",), "join"), (("ctl3",), "join")],
    ),
    "one stopped": (
        ["running", "running", "stopped"],
        ["launch", "settled"],
        [(("ctl3",), "launch")],
    ),
}


@pytest.mark.parametrize(("states", "verdicts", "orders"), ROADS.values(), ids=ROADS)
def test_a_road_to_one_cluster(master, states, verdicts, orders):
    of = master(*states)
    assert answer(of) == verdicts
    assert of.orders("rabbitmq") == orders
    assert of.record("demo.rabbitmq")["decision"]["verdict"] == "settled"
    assert of.clock.slept == [3] * len(orders)


def test_a_forgotten_broker_joins_without_its_database(master):
    of = master("running", "running", "stopped")
    of.nodes.members.update(dict.fromkeys(("ctl1", "ctl2"), BROKERS[:2]))
    of.run("openstack_ha_coordinator.answer", "demo", "rabbitmq")
    assert of.orders("rabbitmq")[0] == (("ctl3",), "rejoin_forgotten")


def test_a_lost_replica_grows_again(master):
    of = master("running", "running", "running")
    of.nodes.lacking = {"ctl2"}
    assert answer(of) == ["grow", "settled"]
    assert of.orders("rabbitmq") == [(("ctl2",), "grow")]


def test_a_queue_that_stays_ill_is_named_to_its_broker(master):
    of = master("running", "running", "running")
    of.nodes.ill["ctl3"] = [ILL]
    assert answer(of) == ["wait"]
    assert of.clock.slept == [], "the schedule looks at an illness"
    of.clock.now += membership.LASTING
    assert answer(of) == ["repair", "settled"]
    assert of.nodes.arguments["repair"] == {"queues": [["/", "q"]]}
    (kept,) = of.record("demo.rabbitmq")["ill"]
    assert kept["repairs"] == 1, "what fails is not tried for ever either"


def test_a_step_that_fails_is_left_to_the_schedule(master):
    of = master("blank", "blank", "blank")
    of.nodes.broken = {"ctl2"}
    assert answer(of) == ["form"]
    assert of.clock.slept == []


def test_brokers_that_start_are_looked_at_until_they_run(master):
    of = master("running", "running", "waiting")
    of.nodes.at_look[4] = lambda: of.nodes.to("ctl3", "running")
    assert answer(of) == ["wait", "settled"]
    assert of.clock.slept == [3, 3, 3]


def test_who_is_silent_is_asked_again_by_the_schedule_and_named_in_the_end(master):
    of = master("blank", "blank", "blank")
    of.nodes.silent = {"ctl3"}
    assert answer(of) == ["wait"]
    assert of.clock.slept == []
    since = of.record("demo.rabbitmq")["waiting_since"]
    of.clock.now += membership.PATIENCE - 1
    assert answer(of) == ["wait"]
    assert of.record("demo.rabbitmq")["waiting_since"] == since
    of.clock.now += 1
    assert answer(of) == ["refuse"]
    of.nodes.silent = set()
    assert answer(of)[-1] == "settled"
    assert of.record("demo.rabbitmq")["waiting_since"] is None


def test_members_of_another_master_are_left_to_it(master):
    of = master("blank", "blank", "blank")
    for node in ("ctl1", "ctl2"):
        of.minions[node].module.serve("m2", "openstack_ha_rabbitmq.stand_down")
        of.nodes.to(node, "blank")
    of.nodes.at_look[3] = lambda: of.clock.sleep(999)
    assert answer(of)[0] == "wait"
    assert of.sent[1][1] == "openstack_ha_master.leave"


def test_a_recovery_is_only_told_until_it_is_wanted(master):
    of = master("waiting", "waiting", "blank")
    told = of.run("openstack_ha_rabbitmq.recover", "demo", "ctl2")
    assert (told["verdict"], told["nodes"]) == ("stand_down", ["ctl1"])
    assert of.orders("rabbitmq") == []
    done = of.run("openstack_ha_rabbitmq.recover", "demo", "ctl2", dry_run=False)
    assert done[-1]["verdict"] == "settled"
    assert of.orders("rabbitmq")[:2] == [(("ctl1",), "stand_down"), (("ctl2",), "force_boot")]
    assert of.nodes.arguments["force_boot"] == {
        "broker": "rabbit@ctl2",
        "without": ["rabbit@ctl3"],
    }


def test_a_recovery_starts_nothing_while_others_have_not_stopped(master):
    of = master("waiting", "waiting", "waiting")
    of.nodes.broken = {"ctl1"}
    with pytest.raises(SaltRunnerError, match="stand_down failed: ctl1: .*ctl1 has no room"):
        of.run("openstack_ha_rabbitmq.recover", "demo", "ctl2", dry_run=False)
    assert [step for _, step in of.orders("rabbitmq")] == ["stand_down"]
    assert of.run("openstack_ha_lease.show", "demo.rabbitmq")["owner"] is None


NOT_RECOVERED = {
    "a broker runs": (["running", "stopped", "blank"], "ctl2", "RabbitMQ runs on ctl1"),
    "the first one is blank": (["stopped", "stopped", "blank"], "ctl3", "has no database to start"),
    "the first one is a stranger": (["stopped"] * 3, "ctl9", "does not answer"),
}


@pytest.mark.parametrize("dry_run", [True, False])
@pytest.mark.parametrize(("states", "node", "why"), NOT_RECOVERED.values(), ids=NOT_RECOVERED)
def test_a_recovery_is_refused(master, states, node, why, dry_run):
    of = master(*states)
    with pytest.raises(SaltRunnerError, match=why):
        of.run("openstack_ha_rabbitmq.recover", "demo", node, dry_run=dry_run)
    assert of.orders("rabbitmq") == []


def test_a_recovery_waits_for_who_is_at_it_and_says_so(master):
    of = master("stopped", "stopped", "stopped")
    of.run("openstack_ha_lease.acquire", "demo.rabbitmq", 3600)
    with pytest.raises(SaltRunnerError, match=r"openstack_ha_lease.show demo.rabbitmq"):
        of.run("openstack_ha_rabbitmq.recover", "demo", "ctl1", dry_run=False)
    assert of.run("openstack_ha_coordinator.answer", "demo", "rabbitmq") is None
    assert of.orders("rabbitmq") == []


def test_what_is_shown_changes_nothing(master):
    of = master("blank", "blank", "blank")
    shown = of.run("openstack_ha_coordinator.plan", "demo", "rabbitmq")["data"]
    assert [one["verdict"] for one in shown["decisions"]] == ["form"]
    assert shown["evidence"] == of.run("openstack_ha_coordinator.evidence", "demo", "rabbitmq")
    assert (of.orders("rabbitmq"), of.record("demo.rabbitmq")) == ([], {})


def test_the_schedules_look_rings_only_where_something_is_to_be_done(master):
    of = master("running", "running", "running")

    def is_idle(**more):
        found = {node: of.nodes.evidence(node) for node in CONTROLLERS}
        looked = {"found": found, "rivals": {}, "begun": of.clock.now, **more}
        return of.run("openstack_ha_coordinator.is_idle", "demo", "rabbitmq", looked)

    assert is_idle() is False, "a decision that nobody knows"
    answer(of)
    of.clock.now += 1
    assert is_idle() is True
    assert is_idle(begun=of.clock.now - 60) is None, "an older look"
    of.clock.now += 1
    of.nodes.to("ctl3", "stopped")
    assert is_idle() is False
    assert of.orders("rabbitmq") == []
    of.nodes.broken = {"ctl3"}
    answer(of)
    of.clock.now += 1
    assert is_idle() is False, "what has failed is tried again"
