"""Nova's cell on the real engine, over simulated nodes that share one database."""

import random

import openstack_ha_cluster
import openstack_ha_schema
import openstack_ha_secrets
import pytest
from openstack_ha_nova_rule import LOOK_AGAIN
from runners import Master, Nodes
from salt.exceptions import SaltRunnerError
from support import example

CONTROLLERS = ("ctl1", "ctl2", "ctl3")
COMPUTE = ("cmp1", "cmp2", "cmp3")
ROUND = ("demo", "nova")
ANSWER, BY_HAND, PLAN = (
    f"openstack_ha_coordinator.{name}" for name in ("answer", "by_hand", "plan")
)


class Novas(Nodes):
    """
    Controllers over one database, and compute nodes of which each runs and is registered or not.

    ``hosts`` is what has registered, with whether it is mapped; ``made`` counts the cells.
    """

    def __init__(self):
        super().__init__((*CONTROLLERS, *COMPUTE))
        self.has_schema, self.down = True, set()
        self.cells, self.hosts = [], {}
        self.running, self.told = set(), set()

    def evidence(self, node):
        if node in COMPUTE:
            own = {"is_running": node in self.running, "is_mapped": node in self.told}
            empty = dict.fromkeys(("pending", "cells", "hosts", "services"))
            return {"is_ready": False, **empty, "units": self.units(node), "compute": own}
        found = {
            "pending": "nothing" if self.has_schema else "sync",
            "cells": [dict(one) for one in self.cells],
            "hosts": [dict(one, host=host) for host, one in self.hosts.items()],
            "services": self.services(),
        }
        if node in self.down:
            found = dict.fromkeys(found)
        return {"is_ready": True, **found, "units": self.units(node), "compute": None}

    def services(self):
        return []

    def units(self, node):
        return {}

    def start(self, *nodes):
        self.running |= set(nodes)

    def register(self, *nodes):
        self.start(*nodes)
        self.hosts.update({one: {"is_mapped": False, "is_marked": False} for one in nodes})

    def create_cell(self, node):
        uuid = f"c{len(self.cells) + 1}"
        self.cells.append({"uuid": uuid, "name": "cell1", "is_current": True})
        return {}

    def update_cell(self, node, cell):
        (one,) = (one for one in self.cells if one["uuid"] == cell)
        one.update(name="cell1", is_current=True)
        return {}

    def discover_hosts(self, node, by_service):
        for one in self.hosts.values():
            if by_service or not one["is_marked"]:
                one.update(is_mapped=True, is_marked=True)
        return {}

    def confirm(self, node, is_mapped):
        (self.told.add if is_mapped else self.told.discard)(node)
        return {}


def with_machines():
    """A cluster file with three compute nodes."""
    cluster = example()
    cluster["network"]["provider"] = "nova_network"
    cluster["nodes"] = {
        "ctl[1-3]": {"address": "172.29.80.11-13", "roles": ["controller"]},
        "cmp[1-3]": {"address": "172.29.80.21-23", "roles": ["compute"]},
    }
    whole = openstack_ha_schema.with_defaults(cluster)
    systems = openstack_ha_cluster.all_systems(whole)
    cluster["secrets"] = openstack_ha_secrets.generate(whole, systems)
    return cluster


@pytest.fixture
def master(tmp_path):
    return Master(tmp_path, Novas(), with_machines())


def of_the_cell(decisions):
    """What was decided of the cell; of progress see test_nova_progress_runner.py."""
    return [one for one in decisions if "subject" not in one]


def answer(master):
    return [one["verdict"] for one in of_the_cell(master.run(ANSWER, *ROUND))]


def test_a_cell_is_made_once_and_hosts_come_into_it_as_they_register(master):
    nodes = master.nodes
    nodes.has_schema = False
    assert answer(master) == ["wait"]
    nodes.has_schema = True
    assert answer(master) == ["create_cell", "settled"]
    nodes.register("cmp1", "cmp2")
    assert answer(master) == ["discover_hosts", "confirm", "settled"]
    nodes.register("cmp3")
    assert answer(master) == ["discover_hosts", "confirm", "settled"]
    assert answer(master) == ["settled"]
    assert master.orders("nova") == [
        (("ctl1",), "create_cell"),
        (("ctl1",), "discover_hosts"),
        (("cmp1", "cmp2"), "confirm"),
        (("ctl1",), "discover_hosts"),
        (("cmp3",), "confirm"),
    ]
    assert len(nodes.cells) == 1
    assert nodes.told == set(COMPUTE)


def test_a_service_that_has_just_been_started_is_looked_for_until_it_registers(master):
    answer(master)
    master.nodes.start("cmp1")
    look = master.nodes.looks
    master.nodes.at_look[look + 3] = lambda: master.nodes.register("cmp1")
    assert answer(master) == ["wait", "discover_hosts", "confirm", "settled"]
    assert [one for one in master.clock.slept if one] == [LOOK_AGAIN] * 2


def test_one_that_never_registers_is_a_persons_who_is_told_where_to_look(master):
    answer(master)
    master.nodes.start("cmp2")
    refusal = of_the_cell(master.run(ANSWER, *ROUND))[-1]
    assert (refusal["verdict"], refusal["nodes"]) == ("refuse", ["cmp2"])
    assert refusal["way_out"] == (
        "docs/runbooks/compute-nodes.md, 'A compute node does not register': "
        "`salt cmp2 cmd.run 'journalctl -n 50 -u nova-compute'`"
    )
    assert "cmp2" in {node for node, verdict in master.nodes.heard if verdict == "refuse"}
    master.nodes.register("cmp2")
    assert answer(master) == ["discover_hosts", "confirm", "settled"]


def test_another_controller_does_it_while_the_first_is_silent_or_its_database_is(master):
    master.nodes.silent, master.nodes.down = {"ctl1"}, {"ctl2"}
    assert answer(master) == ["create_cell", "settled"]
    assert master.orders("nova") == [(("ctl3",), "create_cell")]


def test_nothing_is_made_while_no_database_answers(master):
    master.nodes.down = set(CONTROLLERS)
    assert answer(master) == ["wait"]
    assert master.orders("nova") == []


def test_a_cell_that_somebody_makes_meanwhile_is_not_made_again(master):
    nodes = master.nodes
    nodes.at_look[2] = lambda: nodes.create_cell("ctl2")
    assert answer(master) == ["create_cell", "settled"]
    assert master.orders("nova") == []


def test_before_what_cannot_be_undone_everybody_has_all_the_time(master):
    """Who has just been silent, too: each look but the last one may wait for him less."""
    asked, name = [], "openstack_ha_members.evidence"
    evidence = master.functions[name]

    def noted(*args, **kwargs):
        asked.append(kwargs["is_thorough"])
        return evidence(*args, **kwargs)

    master.functions[name] = noted
    assert answer(master) == ["create_cell", "settled"]
    assert asked == [False, True, False]


def test_a_cell_with_other_brokers_is_given_the_right_ones(master):
    master.nodes.cells = [{"uuid": "c7", "name": None, "is_current": False}]
    assert answer(master) == ["update_cell", "settled"]
    assert master.nodes.arguments["update_cell"] == {"cell": "c7"}


def test_a_rebuilt_node_is_told_again_and_a_removed_one_is_told_too(master):
    nodes = master.nodes
    nodes.register(*COMPUTE)
    answer(master)
    nodes.told.discard("cmp1")
    nodes.running.discard("cmp1")
    assert answer(master) == ["confirm", "settled"]
    assert nodes.arguments["confirm"] == {"is_mapped": True}
    del nodes.hosts["cmp3"]
    nodes.running.discard("cmp3")
    assert answer(master) == ["confirm", "settled"]
    assert nodes.told == {"cmp1", "cmp2"}


def test_a_mapping_that_was_taken_away_by_hand_comes_back(master):
    master.nodes.register("cmp1")
    answer(master)
    master.nodes.hosts["cmp1"]["is_mapped"] = False
    assert answer(master) == ["discover_hosts", "settled"]
    assert master.nodes.arguments["discover_hosts"] == {"by_service": True}


def test_a_step_that_fails_is_named_and_told_to_who_waits(master):
    master.nodes.broken = {"ctl1"}
    with pytest.raises(SaltRunnerError, match="create_cell failed: ctl1: ctl1 has no room"):
        master.run(BY_HAND, *ROUND)
    assert {node for node, verdict in master.nodes.heard if verdict == "wait"} == {
        *CONTROLLERS,
        *COMPUTE,
    }


def test_a_look_that_finds_nobody_is_not_repeated_at_once(master, monkeypatch):
    answer(master)
    monkeypatch.setattr(Novas, "discover_hosts", lambda self, node, by_service: {})
    master.nodes.register("cmp1")
    assert answer(master) == ["discover_hosts", "wait"]
    master.clock.now += 31
    (refusal,) = of_the_cell(master.run(PLAN, *ROUND)["data"]["decisions"])
    assert "discover_hosts of ctl1 was done, and has changed nothing" in refusal["why"]


def test_a_cluster_without_machines_has_no_such_system(tmp_path):
    cluster = example()
    cluster["network"].pop("provider", None)
    cluster["nodes"] = {"ctl[1-3]": {"address": "172.29.80.11-13", "roles": ["controller"]}}
    with pytest.raises(SaltRunnerError, match="no node of demo has a role for nova"):
        Master(tmp_path, Novas(), cluster).run(ANSWER, *ROUND)


@pytest.mark.parametrize("seed", range(4))
def test_whatever_happens_there_is_one_cell_and_all_come_into_it(master, seed):
    rng, nodes = random.Random(seed), master.nodes
    for _ in range(6):
        nodes.silent = set(rng.sample(nodes.names, rng.choice((0, 0, 1, 2))))
        nodes.down = set(rng.sample(CONTROLLERS, rng.choice((0, 1, 3))))
        for node in rng.sample(COMPUTE, rng.choice((0, 1))):
            rng.choice((nodes.register, nodes.start, nodes.told.discard))(node)
        master.run(ANSWER, *ROUND)
        assert len(nodes.cells) <= 1
        master.clock.now += rng.choice((1, 40, 700))
    nodes.silent, nodes.down = set(), set()
    nodes.register(*(set(COMPUTE) - set(nodes.hosts)))
    master.clock.now += 4000
    assert answer(master)[-1] == "settled"
    assert len(nodes.cells) == 1
    assert nodes.told == set(COMPUTE)
