"""What RabbitMQ's states do where a single real broker cannot lead them: peers, turns, refusals."""

import importlib.util
from pathlib import Path

import openstack_ha_rabbitmq as logic
import pytest

STATES = Path(__file__).parents[2] / "_states" / "openstack_ha_rabbitmq.py"
SERVICE = "rabbitmq-server"
NODES = ["rabbit@ctl1", "rabbit@ctl2", "rabbit@ctl3"]
UP = {"answers": True, "serves": True}
IDLE = {"answers": True, "serves": False}
SILENT = {"answers": False, "serves": False}


class Host:
    """A host whose broker the master starts when it is asked; ``calls`` has what was done."""

    def __init__(self, **facts):
        self.calls = []
        self.running = facts.get("running", False)
        self.refusal = facts.get("refusal")
        self.members = facts.get("members", NODES)
        self.peers = facts.get("peers", {NODES[1]: UP, NODES[2]: UP})
        self.unresolved = facts.get("unresolved", [])

    def status(self):
        stopped = logic.stopped_status(NODES[0])
        if not self.running:
            return stopped
        members = {"disk_nodes": self.members, "running_nodes": self.members}
        return {**stopped, **members, "is_running": True}

    def wait(self, cluster, system, lacking, patience):
        """The master's word, as openstack_ha_word waits for it."""
        self.calls.append((cluster, system))
        assert lacking() == "rabbit@ctl1 does not run"
        self.running = self.refusal is None
        assert (lacking() is None) is self.running
        return self.refusal

    def functions(self):
        functions = {
            ".status": self.status,
            "_peers.serving": lambda: [one for one in self.peers if self.peers[one]["serves"]],
            "_peers.unresolved": lambda: self.unresolved,
        }
        own = {f"openstack_ha_rabbitmq{name}": call for name, call in functions.items()}
        return {**own, "openstack_ha_word.wait": self.wait}


@pytest.fixture
def states():
    spec = importlib.util.spec_from_file_location("states_of_rabbitmq", STATES)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.__utils__ = {
        f"openstack_ha_rabbitmq.{name}": getattr(logic, name)
        for name in ("membership_faults", "foreign_clusters")
    }
    module.__opts__ = {"test": False}

    def on(host, test=False):
        module.__salt__ = host.functions()
        module.__opts__ = {"test": test}
        return module

    return on


def member(states, host, test=False):
    return states(host, test).member_present("demo", patience=0)


ASKED = [("demo", "rabbitmq")]


def test_a_broker_that_does_not_run_is_the_masters_to_start(states):
    host = Host(peers={NODES[1]: IDLE, NODES[2]: SILENT}, members=NODES[:1])
    ret = member(states, host)
    assert ret["result"] is True
    assert host.calls == ASKED
    assert list(ret["changes"]) == [NODES[0]]


def test_the_masters_refusal_is_the_states(states):
    host = Host(refusal="The master refused: ctl3 did not answer. a runbook.")
    ret = member(states, host)
    assert (ret["result"], ret["changes"]) == (False, {})
    assert ret["comment"] == host.refusal
    assert host.calls == ASKED


def test_no_start_while_names_lead_elsewhere(states):
    host = Host(unresolved=["ctl2 is no address, not 10.0.0.12"])
    ret = member(states, host)
    assert ret["result"] is False
    assert host.calls == []
    assert "openstack_ha.hosts" in ret["comment"]


@pytest.mark.parametrize("test", [True, False])
def test_a_second_cluster_is_reported_never_reset(states, test):
    host = Host(running=True, members=NODES[:1])
    ret = member(states, host, test)
    assert ret["result"] is False
    assert host.calls == []
    assert "rabbit@ctl2 runs, and is in another cluster" in ret["comment"]
    assert "openstack_ha_rabbitmq.rejoin rabbit@ctl1" in ret["comment"]


def test_test_mode_starts_nothing(states):
    host = Host()
    ret = member(states, host, test=True)
    assert ret["result"] is None
    assert list(ret["changes"]) == [NODES[0]]
    assert host.calls == []


def test_a_member_changes_nothing(states):
    ret = member(states, Host(running=True))
    assert (ret["result"], ret["changes"]) == (True, {})
