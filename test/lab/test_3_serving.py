"""What the cluster gives to those outside it, and what happens when the VIP's holder dies."""

import json

import pytest

from bench import failover
from lab.waiting import wait_for

# Seconds until each operation succeeds again, with room for a machine that others use too: the
# figures themselves are bench/failover's.
BOUND = 30


def _probe(lab, seconds=3):
    with failover.Probe(lab, seconds) as probe:
        pass
    assert probe.records, probe.error
    return probe.records


@pytest.mark.parametrize("kind", failover.GOALS)
def test_everything_works_through_the_vip(lab, kind, records):
    own = [record for record in records if record["operation"] == kind]
    assert own
    assert [record["error"] for record in own if record["error"]] == []


@pytest.fixture(scope="module")
def records(lab, serving):
    serving()
    return _probe(lab)


def test_one_node_holds_the_vip(lab):
    assert len(failover.vip_holders(lab)) == 1


def test_brokers_are_one_cluster(lab, nodes):
    status = lab.master.salt(",".join(nodes), "openstack_ha_rabbitmq.status")
    for node, one in status.items():
        assert len(one["running_nodes"]) == len(nodes), node
        assert not one["partitions"], node


def test_servers_listen_on_their_own_addresses_only(lab):
    for node in lab.nodes.values():
        listening = node.check(["ss", "-Hltn"])
        for port in (3306, 3307, 5672, 15672, 9200, 9201):
            owners = {
                line.split()[3].rsplit(":", 1)[0]
                for line in listening.splitlines()
                if line.split()[3].endswith(f":{port}")
            }
            vip = {lab.inventory["vip"]["address"]} if port in (3306, 5672) else set()
            assert owners == {node.address} | vip, f"{node.id}:{port}"


def test_sql_goes_to_one_server(lab):
    rows = lab.master.salt(",".join(lab.nodes), "openstack_ha_haproxy.status")
    for node, listeners in rows.items():
        text = json.dumps(listeners)
        assert "mysql" in text and "rabbitmq" in text, node


def test_the_holder_dies_and_everything_comes_back(lab, serving):
    serving()
    found = failover.fail_over(lab, after=BOUND)
    for kind, one in found["gaps"].items():
        assert one["gap"] is not None and one["gap"] < BOUND, f"{kind}: {one}"
        assert one["succeeded"] > 10 / failover_period(), f"{kind}: {one}"
    wait_for(lambda: len(failover.vip_holders(lab)) == 1, 60, "one holder of the VIP")
    serving()


def failover_period():
    """Operations a second are at most twenty; a third of them is enough to call it serving."""
    return 3 / 20 * 10


def test_the_vip_leaves_a_node_whose_haproxy_stops(lab, serving):
    serving()
    (holder,) = failover.vip_holders(lab)
    lab.node(holder).check(["systemctl", "stop", "haproxy"])
    try:
        wait_for(
            lambda: failover.vip_holders(lab) not in ([], [holder]), 15, "the VIP to leave", 0.2
        )
        assert [r["error"] for r in _probe(lab) if r["error"]] == []
    finally:
        lab.node(holder).check(["systemctl", "start", "haproxy"])
    assert len(failover.vip_holders(lab)) == 1
