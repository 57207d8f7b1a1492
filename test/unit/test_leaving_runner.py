"""A controller leaves by the master's word, alive or dead, and may come back."""

import copy

import openstack_ha_cluster
import openstack_ha_left
import pytest
from runners import Master, Nodes
from salt.exceptions import SaltRunnerError
from support import certified, example, write_cluster
from test_left import SERVING

CONTROLLERS = ["ctl1", "ctl2", "ctl3"]


class Serving(Nodes):
    """Controllers that serve; ``running`` are the parts that run on ctl3."""

    def __init__(self, cluster):
        whole = openstack_ha_cluster.complete(cluster)
        super().__init__(list(whole["nodes"]))
        self.running = openstack_ha_left.leaving(openstack_ha_cluster.systems(whole, "ctl3"))
        self.reached, self.said, self.drained = False, dict(SERVING), []
        self.uses = 2

    def evidence(self, node):
        # Two looks until nobody uses what is drained.
        self.uses -= bool(self.drained) and node == "ctl1"
        seen = {"ctl3": {"serves": False, "sessions": max(self.uses, 0)}}
        turn = {name: {"seen": seen} for name in self.drained}
        return {**self.said, **turn}

    def is_reached(self, _node, **_arguments):
        return {"is_reached": self.reached}

    def drain(self, node, service):
        assert node == "ctl3" and "keepalived" not in self.running, "the VIP goes first"
        self.drained.append(service)
        return {}

    def stop(self, node, systems):
        assert node == "ctl3"
        assert self.uses <= 0 or systems == ["keepalived"], "it is drained first"
        self.running = [one for one in self.running if one not in systems]
        return {"stopped": systems}


@pytest.fixture
def cluster():
    return certified(example())


@pytest.fixture
def master(tmp_path, cluster):
    made = Master(tmp_path, Serving(cluster), cluster)
    made.functions["openstack_ha_coordinator.is_idle"] = lambda *_args: True
    made.asked = []
    made.functions["openstack_ha_coordinator.by_hand"] = lambda *args: made.asked.append(args)
    return made


@pytest.fixture
def edit(master, tmp_path, cluster):
    """Take ctl3 out of the file; two are allowed by it."""

    def write(**changed):
        edited = copy.deepcopy(cluster)
        edited["allow_even_controllers"] = True
        edited["nodes"] = {
            "ctl[1-2]": {"roles": ["controller", "proxy"], "address": "172.29.80.11-12"},
            **{key: one for key, one in edited["nodes"].items() if "ctl" not in key},
            **changed,
        }
        write_cluster(tmp_path / "cluster.yaml", edited)

    return write


def leave(master, node="ctl3", **more):
    return master.run("openstack_ha.leave", "demo", node, **more)


def nodes(master):
    return list(master.run("openstack_ha.cluster", "demo")["nodes"])


def orders(master):
    return [fun.partition(".")[2] for _nodes, fun, _ in master.sent if "evidence" not in fun]


def test_a_plan_does_nothing(master):
    told = leave(master)
    assert told["is_done"] is False and len(told["steps"]) > 3
    assert orders(master) == [] and "ctl3" in nodes(master)
    assert master.asked == []


def test_it_goes_in_order_and_the_cluster_is_without_it_at_once(master):
    assert leave(master, dry_run=False)["is_done"] is True
    assert master.nodes.running == []
    assert "ctl3" not in nodes(master)
    drains = master.nodes.drained
    assert orders(master) == ["stop", *["drain"] * len(drains), "stop"]
    assert master.clock.slept == [1]
    # The brokers that stay forget it, after it has stopped.
    assert master.asked == [("demo", "rabbitmq")]
    assert master.run("openstack_ha.cluster", "demo")["left"]["ctl3"]["is_stopped"] is True


def test_nobody_looks_any_more_who_counts_it(master):
    at_stop = []
    stop = master.nodes.stop

    def look(node, systems):
        at_stop.append("ctl3" in nodes(master))
        return stop(node, systems)

    master.nodes.stop = look
    leave(master, dry_run=False)
    assert at_stop == [False, False]


def test_a_look_that_is_under_way_is_waited_for_and_not_for_ever(master):
    master.run("openstack_ha_lease.acquire", "demo.galera", 10_000)
    with pytest.raises(SaltRunnerError, match=r"galera has been at work for 300 s.*goes on from"):
        leave(master, dry_run=False)
    assert orders(master) == []


def test_a_dead_one_leaves_and_is_stopped_when_it_boots(master):
    master.nodes.silent = {"ctl3"}
    leave(master, dry_run=False)
    assert orders(master) == ["is_reached", "is_reached"]
    assert "ctl3" not in nodes(master) and master.asked == [("demo", "rabbitmq")]
    running = list(master.nodes.running)
    master.run("openstack_ha.reconcile")
    assert master.nodes.running == running
    master.nodes.silent, master.nodes.uses = set(), 0
    assert master.run("openstack_ha_rejoin.booted", "salt/minion/ctl3/start") == {}
    assert master.nodes.running == []
    sent = len(master.sent)
    master.run("openstack_ha_rejoin.booted", "salt/minion/ctl3/start")
    assert len(master.sent) == sent + 1, "it may have been started by its boot each time"


def test_a_boot_that_nobody_told_of_is_found_by_the_schedule(master):
    master.nodes.silent = {"ctl3"}
    leave(master, dry_run=False)
    master.nodes.silent, master.nodes.uses = set(), 0
    master.run("openstack_ha.reconcile")
    assert master.nodes.running == []
    master.sent.clear()
    master.run("openstack_ha.reconcile")
    assert not [one for asked, *one in master.sent if "ctl3" in asked]


def test_one_whose_minion_hangs_stays(master):
    master.nodes.silent, master.nodes.reached = {"ctl3"}, True
    with pytest.raises(SaltRunnerError, match="its host answers ctl1, ctl2"):
        leave(master, dry_run=False)
    assert "ctl3" in nodes(master)


def test_one_stays_while_another_does_not_serve(master):
    master.nodes.silent = {"ctl2"}
    with pytest.raises(SaltRunnerError, match="ctl2 did not answer"):
        leave(master, dry_run=False)
    assert orders(master) == [] and "ctl3" in nodes(master)


def test_a_stop_that_fails_is_told_and_the_same_command_goes_on(master):
    master.nodes.broken = {"ctl3"}
    with pytest.raises(SaltRunnerError, match=r"no room.*goes on from here"):
        leave(master, dry_run=False)
    master.nodes.broken, master.nodes.uses = set(), 0
    assert leave(master)["is_done"] is False
    assert master.nodes.running
    leave(master, dry_run=False)
    assert master.nodes.running == [] and master.asked == [("demo", "rabbitmq")]


def test_the_file_follows_and_says_so_until_then(master, edit):
    leave(master, dry_run=False)

    def checked():
        (one,) = master.run("openstack_ha.check")["data"]["files"].values()
        return one

    (warning,) = [one for one in checked()["warnings"] if "has left" in one]
    assert "`salt-run openstack_ha.join demo ctl3`" in warning
    edit()
    after = checked()
    assert after["faults"] == [] and not [one for one in after["warnings"] if "has left" in one]


def test_one_that_has_left_comes_back_by_a_word_alone(master, edit):
    leave(master, dry_run=False)
    edit(ctl3={"roles": ["controller", "proxy"], "address": "172.29.80.13"})
    assert "ctl3" not in nodes(master)
    (step, command) = master.run("openstack_ha.join", "demo", "ctl3")["steps"]
    assert "ctl3" in nodes(master)
    assert "`salt -L ctl1,ctl2,ctl3 state.highstate queue=True`" in command
    with pytest.raises(SaltRunnerError, match="has not left"):
        master.run("openstack_ha.join", "demo", "ctl3")


def test_a_stranger_is_named(master):
    with pytest.raises(SaltRunnerError, match="ctl9 is no node of demo; these are: ctl1"):
        leave(master, "ctl9")
