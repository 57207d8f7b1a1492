"""Networks and floating addresses on the real engine, over nodes with one simulated database."""

import netaddr
import openstack_ha_nova_network as nova_network
import pytest
from runners import Master, Nodes
from support import with_machines
from test_nova_network import network as there
from test_nova_network import taken_by_nova

NODES = ("ctl1", "ctl2", "ctl3")
ROUND = ("demo", "nova_network")
ANSWER, PLAN = (f"openstack_ha_coordinator.{name}" for name in ("answer", "plan"))


class Databases(Nodes):
    """Networks as they are found, and floating addresses as {address: (pool, who)}."""

    def __init__(self):
        super().__init__(NODES)
        self.networks, self.floating, self.unknown = [], {}, set()

    def evidence(self, node):
        said = {"is_ready": True, "pending": "nothing", "networks": None, "floating": None}
        if node in self.unknown:
            return said
        rows = [[pool, str(address), bool(who)] for address, (pool, who) in self.floating.items()]
        floating = nova_network.told([], [], rows)["floating"]
        return {**said, "networks": [dict(one) for one in self.networks], "floating": floating}

    def create_network(self, node, network):
        cidr = netaddr.IPNetwork(network["range"])
        assert not [one for one in self.networks if netaddr.IPNetwork(one["range"]) == cidr]
        # Nova's own defaults.
        more = {"gateway": network["gateway"] or str(cidr[1]), "dns": network["dns"] or ["8.8.4.4"]}
        own = {key: network[key] for key in ("label", "vlan", "project", "bridge")}
        self.networks.append(there(range_=network["range"], **own, **more))
        return {"created": network["label"]}

    def assign_network(self, node, cidr, project):
        for one in self.networks:
            if one["range"] == cidr:
                one["project"] = project
        return {}

    def remove_network(self, node, cidr, project):
        (gone,) = [one for one in self.networks if one["range"] == cidr]
        assert not gone["machines"]
        self.networks.remove(gone)
        return {}

    def create_floating(self, node, pool, ranges):
        for address in taken_by_nova(ranges):
            assert address not in self.floating
            self.floating[address] = (pool, None)
        return {}

    def remove_floating(self, node, ranges):
        for address in taken_by_nova(ranges):
            assert not self.floating.pop(address)[1]
        return {}


def make(folder, **more):
    cluster = with_machines({"cmp1": "172.29.80.21"})
    cluster["nova_network"] |= more
    return Master(folder, Databases(), cluster)


@pytest.fixture
def master(tmp_path):
    return make(tmp_path)


def verdicts(master):
    return [one["verdict"] for one in master.run(ANSWER, *ROUND)]


def test_one_controller_makes_everything_once(master):
    assert verdicts(master) == ["create_network", "create_floating", "settled"]
    assert len(master.nodes.networks) == 1
    assert len(master.nodes.floating) == 14
    steps = master.orders("nova_network")
    assert steps == [(("ctl1",), "create_network"), (("ctl1",), "create_floating")]
    assert verdicts(master) == ["settled"]
    assert master.orders("nova_network") == steps
    heard = {node for node, verdict in master.nodes.heard if verdict == "settled"}
    assert heard == set(NODES)


def test_who_does_not_know_makes_nothing_and_another_one_does(master):
    master.nodes.silent, master.nodes.unknown = {"ctl1"}, {"ctl2"}
    assert verdicts(master) == ["create_network", "create_floating", "settled"]
    assert {nodes for nodes, _ in master.orders("nova_network")} == {("ctl3",)}
    master.nodes.unknown = set(NODES)
    assert verdicts(master) == ["wait"]


def test_a_step_that_fails_is_told_and_taken_again(master):
    master.nodes.broken = {"ctl1"}
    assert verdicts(master)[0] == "create_network"
    assert "ctl1 has no room" in str(master.record("demo.nova_network"))
    master.nodes.broken = set()
    assert verdicts(master)[-1] == "settled"


def test_a_refusal_comes_after_what_can_be_done(master):
    master.nodes.networks.append(there("old", "10.30.0.0/24", machines=1))
    assert verdicts(master) == ["create_network", "create_floating", "refuse"]
    decision = master.run(PLAN, *ROUND)["data"]["decisions"][0]
    assert decision["way_out"].startswith("name it in nova_network:networks; ")


def test_what_is_not_named_goes_and_makes_room(tmp_path):
    master = make(tmp_path, prune=True)
    master.nodes.networks.append(there("old", "10.20.0.0/16"))
    address = netaddr.IPAddress("192.0.2.70")
    master.nodes.floating[address] = ("old", None)
    steps = ["remove_network", "remove_floating", "create_network", "create_floating"]
    assert verdicts(master) == [*steps, "settled"]
    assert master.nodes.floating[address] == ("public", None)


def test_what_somebody_takes_meanwhile_stays(tmp_path):
    master = make(tmp_path, prune=True)
    verdicts(master)
    old = there("old", "10.30.0.0/24")
    master.nodes.networks.append(old)
    # Between the look that decides and the one just before the step.
    master.nodes.at_look[master.nodes.looks + 2] = lambda: old.update(machines=1)
    assert verdicts(master) == ["remove_network", "refuse"]
    assert old in master.nodes.networks
