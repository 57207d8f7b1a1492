"""What the master remembers of a running cluster, and refuses in its file."""

import copy

import openstack_ha_cluster
import openstack_ha_guard as guard
import openstack_ha_secrets
import pytest
from runners import Master, Nodes
from salt.exceptions import CommandExecutionError, SaltRunnerError
from support import certified, example, write_cluster

VIP, COOKIE = "vip:address", "secrets:rabbitmq:erlang_cookie"


class Deployed(Nodes):
    """Nodes that remember what they run with."""

    def __init__(self, cluster):
        whole = openstack_ha_cluster.complete(cluster)
        super().__init__(list(whole["nodes"]))
        systems = openstack_ha_cluster.all_systems(whole)

        def secret(path):
            return openstack_ha_secrets.lookup(whole["secrets"], path.split(":"))

        self.known = {
            one: guard.remembered({}, whole, secret, systems) if one == "ctl1" else {}
            for one in self.names
        }

    def evidence(self, node):
        return {"guards": sorted(self.known[node])}

    def memory(self, node):
        return self.known[node]

    def forget(self, node, path):
        return {"forgotten": self.known[node].pop(path, None) is not None}


@pytest.fixture
def master(tmp_path):
    cluster = certified(example())
    made = Master(tmp_path, Deployed(cluster), cluster)
    made.functions["openstack_ha_coordinator.is_idle"] = lambda *_args: True
    return made


@pytest.fixture
def edit(master, tmp_path):
    """Return a function that writes another cluster file."""

    def write(path, value):
        cluster = copy.deepcopy(master.cluster)
        *parents, leaf = path.split(":")
        tree = cluster
        for key in parents:
            tree = tree[key]
        tree[leaf] = value
        write_cluster(tmp_path / "cluster.yaml", cluster)

    return write


def faults(master):
    (one,) = master.run("openstack_ha.check")["data"]["files"].values()
    return one["faults"]


def questions(master):
    return [fun for _nodes, fun, _ in master.sent if fun == "openstack_ha_guard.memory"]


def test_a_cluster_that_never_ran_may_have_any_values(master, edit):
    master.nodes.known["ctl1"] = {}
    master.run("openstack_ha.reconcile")
    edit("name", "other")
    assert faults(master) == []
    assert list(master.run("openstack_ha.clusters")) == ["other"]


def test_the_master_learns_what_runs_and_asks_once(master, tmp_path):
    for _look in range(3):
        master.run("openstack_ha.reconcile")
    assert master.run("openstack_ha_guard.memory", "demo") == master.nodes.known["ctl1"]
    assert len(questions(master)) == 1
    (path,) = (tmp_path / "cache/openstack_ha/files").glob("*.guards.json")
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("path", "value"), [(VIP, "172.29.80.101"), (COOKIE, "another-erlang-cookie"), ("name", "b")]
)
def test_another_value_is_a_fault_and_the_cluster_goes_on_as_it_was(master, edit, path, value):
    master.run("openstack_ha.reconcile")
    edit(path, value)
    (line,) = faults(master)
    assert line.startswith(f"openstack_ha:{path}: ")
    (file,) = master.run("openstack_ha.files")
    current = master.execution["openstack_ha_cluster.current"](file)
    assert current["broken"]["faults"] == [line]
    assert current["cluster"]["vip"]["address"] == "172.29.80.100"
    assert master.run("openstack_ha.cluster", "demo")["broken"]["faults"] == [line]
    # What is refused is not learned either.
    master.run("openstack_ha.reconcile")
    assert faults(master) == [line]
    edit("galera:max_connections", 2000)
    assert faults(master) == []
    assert master.run("openstack_ha.cluster", "demo")["broken"] is None


def test_what_only_a_node_says_is_not_learned(master):
    master.nodes.known["ctl1"][VIP] = {"value": "172.29.80.66"}
    master.run("openstack_ha.reconcile")
    assert VIP not in master.run("openstack_ha_guard.memory", "demo")
    assert faults(master) == []


def test_a_node_that_does_not_say_it_costs_nobody_the_look(master):
    def memory(node):
        raise CommandExecutionError("it cannot be read")

    master.nodes.memory = memory
    assert master.run("openstack_ha.reconcile") == {"demo": []}
    assert master.run("openstack_ha_guard.memory", "demo") == {}


def test_a_memory_that_is_damaged_refuses_and_costs_nobody_the_look(master, edit, tmp_path):
    master.run("openstack_ha.reconcile")
    (path,) = (tmp_path / "cache/openstack_ha/files").glob("*.guards.json")
    path.write_text("{", encoding="utf-8")
    edit(VIP, "172.29.80.101")
    (line,) = faults(master)
    assert str(path) in line and "remove it" in line
    assert master.run("openstack_ha.cluster", "demo")["vip"]["address"] == "172.29.80.100"
    assert master.run("openstack_ha.reconcile") == {"demo": []}


def test_what_is_forgotten_may_be_changed(master, edit):
    master.run("openstack_ha.reconcile")
    edit(VIP, "172.29.80.101")
    assert faults(master)
    assert master.run("openstack_ha_guard.forget", "demo", VIP) == {"forgotten": VIP}
    assert faults(master) == []
    assert VIP not in master.nodes.known["ctl1"]
    assert COOKIE in master.nodes.known["ctl1"]
    told = {node for nodes, fun, _ in master.sent if fun.endswith(".forget") for node in nodes}
    assert told == set(master.nodes.names)
    (file,) = master.run("openstack_ha.files")
    module = master.modules["_modules", "openstack_ha_cluster"]
    assert module.current(file)["cluster"]["vip"]["address"] == "172.29.80.101"


def test_a_node_that_did_not_forget_is_named_with_what_helps(master):
    master.nodes.silent = {"ctl3"}
    with pytest.raises(SaltRunnerError) as told:
        master.run("openstack_ha_guard.forget", "demo", VIP)
    assert f"`salt -L ctl3 openstack_ha_guard.forget {VIP}`" in str(told.value)
    with pytest.raises(SaltRunnerError, match="'vip' is not guarded; guarded are name, vip:addr"):
        master.run("openstack_ha_guard.forget", "demo", "vip")
