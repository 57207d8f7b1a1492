"""The schemas' rule over three controllers: one makes a schema, once, and those who wait hear."""

import openstack_ha_cluster
import openstack_ha_db_sync
import pytest
from runners import Master, Nodes
from support import example

CONTROLLERS = ("ctl1", "ctl2", "ctl3")
SYSTEMS = openstack_ha_cluster.all_systems(openstack_ha_cluster.complete(example()))
SERVICES = openstack_ha_db_sync.services(SYSTEMS)


class Services(Nodes):
    """Controllers whose services share one schema each."""

    def __init__(self):
        super().__init__(CONTROLLERS)
        self.pending = dict.fromkeys(SERVICES, "sync")
        self.version = dict.fromkeys(CONTROLLERS, "2:22.0.2")
        self.is_deaf = False

    def evidence(self, node):
        return {
            service: {"is_ready": True, "version": self.version[node], "pending": pending}
            for service, pending in self.pending.items()
        }

    def _step(self, service):
        if not self.is_deaf:
            self.pending[service] = "nothing"
        return {"pending": self.pending[service]}

    def sync(self, node, service):
        return self._step(service)

    def expand(self, node, service):
        return self._step(service)


@pytest.fixture
def master(tmp_path):
    return Master(tmp_path, Services())


def answer(master):
    decisions = master.run("openstack_ha_coordinator.answer", "demo", "db_sync")
    return [(one["subject"], one["verdict"]) for one in decisions]


def all_are(verdict):
    return [(service, verdict) for service in SERVICES]


def test_each_schema_is_made_by_one_and_once(master):
    assert answer(master) == all_are("sync") + all_are("settled")
    assert master.orders("db_sync") == [(("ctl1",), "sync")] * len(SERVICES)
    assert master.record("demo.db_sync.glance")["decision"]["verdict"] == "settled"
    assert master.nodes.heard == [(node, "sync") for node in CONTROLLERS] * len(SERVICES)
    assert answer(master) == all_are("settled")


def test_a_new_package_expands(master):
    master.nodes.pending = {**dict.fromkeys(SERVICES, "nothing"), "keystone": "expand"}
    master.nodes.version["ctl2"] = "2:23.0.0"
    answer(master)
    assert master.orders("db_sync") == [(("ctl2",), "expand")]
    assert master.nodes.arguments["expand"] == {"service": "keystone"}


@pytest.mark.parametrize(("fault", "then"), [("is_deaf", all_are("wait")), ("broken", [])])
def test_what_brings_nothing_is_left_to_the_schedule(master, fault, then):
    setattr(master.nodes, fault, {"ctl1"})
    assert answer(master) == all_are("sync") + then
    assert master.orders("db_sync") == [(("ctl1",), "sync")] * len(SERVICES)


def test_members_of_another_master_are_left_to_it(master):
    for node in ("ctl1", "ctl2"):
        master.minions[node].module.serve("m2", "openstack_ha_db_sync.evidence")
    assert answer(master) == all_are("wait")
    assert master.orders("db_sync") == []


def test_what_is_shown_changes_nothing(master):
    shown = master.run("openstack_ha_coordinator.plan", "demo", "db_sync")["data"]
    assert [one["verdict"] for one in shown["decisions"]] == ["sync"] * len(SERVICES)
    assert shown["evidence"] == master.run("openstack_ha_coordinator.evidence", "demo", "db_sync")
    assert (master.orders("db_sync"), master.record("demo.db_sync.glance")) == ([], {})


def test_the_schedules_look_rings_only_where_something_is_to_be_done(master):
    def is_idle():
        master.clock.now += 1
        found = {node: master.nodes.evidence(node) for node in CONTROLLERS}
        looked = {"found": found, "rivals": {}, "begun": master.clock.now}
        return master.run("openstack_ha_coordinator.is_idle", "demo", "db_sync", looked)

    assert is_idle() is False
    answer(master)
    assert is_idle() is True
    master.nodes.pending["glance"] = "expand"
    assert is_idle() is False
