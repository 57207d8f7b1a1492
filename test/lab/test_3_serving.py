"""What the cluster gives to those outside it, and what happens when the VIP's holder dies."""

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


# This lab has no place for images.
@pytest.mark.parametrize("kind", [name for name in failover.GOALS if name != "image"])
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


SERVICES = (
    "mariadb",
    "rabbitmq-server",
    "memcached",
    "keystone",
    "openstack-ha-health",
    "haproxy",
    "keepalived",
)


def test_every_service_runs_and_starts_at_boot(inside):
    for node, host in inside.items():
        for name in SERVICES:
            service = host.service(name)
            assert service.is_running and service.is_enabled, f"{node}: {name}"


def test_servers_listen_on_their_own_address_and_haproxy_on_the_vip(lab, inside):
    vip = lab.inventory["vip"]["address"]
    for node, host in inside.items():
        own = lab.node(node).address
        for port in (3306, 3307, 5672, 15672, 9200, 9201, 8404, 11211, 5000):
            assert host.socket(f"tcp://{own}:{port}").is_listening, f"{node}:{port}"
            assert not host.socket(f"tcp://0.0.0.0:{port}").is_listening, f"{node}:{port}"
        for port in (3306, 5672, 8404, 5000):
            assert host.socket(f"tcp://{vip}:{port}").is_listening, f"{node}: {vip}:{port}"


def test_haproxy_has_one_writer_and_every_broker(lab):
    rows = lab.master.salt(",".join(lab.nodes), "openstack_ha_haproxy.status")
    for node, lines in rows.items():
        servers = {
            proxy: [line for line in lines if (line["proxy"], line["kind"]) == (proxy, "server")]
            for proxy in ("mysql", "rabbitmq")
        }
        assert all(line["serving"] for line in servers["mysql"] + servers["rabbitmq"]), node
        assert [line["backup"] for line in servers["mysql"]] == [False, True, True], node
        assert not any(line["backup"] for line in servers["rabbitmq"]), node


def test_queues_are_seen_from_every_broker(lab):
    for node in lab.nodes.values():
        assert node.run(["rabbitmqctl", "--timeout", "20", "list_queues"]).rc == 0, node.id


def test_the_holder_dies_and_everything_comes_back(lab, serving):
    serving()
    found = failover.fail_over(lab, after=BOUND)
    for kind, one in found["gaps"].items():
        assert one["gap"] is not None and one["gap"] < BOUND, f"{kind}: {one}"
        assert one["succeeded"] > one["failed"], f"{kind}: {one}"
    wait_for(lambda: len(failover.vip_holders(lab)) == 1, 60, "one holder of the VIP")
    serving()


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
