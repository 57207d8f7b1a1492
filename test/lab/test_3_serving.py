"""What the cluster gives to those outside it, and what happens when the VIP's holder dies."""

import pytest

from bench import failover
from lab.waiting import wait_for

# Seconds until each operation succeeds again, with room for a machine that others use too: the
# figures themselves are bench/failover's.
BOUND = 30
PATIENCE = 120


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
    failover.vip_holder(lab)
    wait_for(lambda: _balanced(lab), PATIENCE, "every HAProxy to have every server")
    return _probe(lab)


def _balanced(lab):
    """What each node's HAProxy has; nothing as long as one does not answer or lacks a server."""
    rows = lab.master.salt(",".join(lab.nodes), "openstack_ha_haproxy.status", patience=10)
    if set(rows) != set(lab.nodes) or not all(isinstance(one, list) for one in rows.values()):
        return None
    servers = {
        node: [row for row in lines if row["kind"] == "server"] for node, lines in rows.items()
    }
    is_whole = all(row["serving"] for lines in servers.values() for row in lines)
    return servers if is_whole else None


def test_one_node_holds_the_vip(lab):
    assert failover.vip_holder(lab) in lab.nodes


def test_brokers_are_one_cluster(lab, nodes):
    status = lab.master.salt(",".join(nodes), "openstack_ha_rabbitmq.status")
    assert set(status) == set(nodes)
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
    found = wait_for(lambda: _balanced(lab), PATIENCE, "every HAProxy to have every server")
    for node, servers in found.items():
        backups = {
            proxy: [row["backup"] for row in servers if row["proxy"] == proxy]
            for proxy in ("mysql", "rabbitmq")
        }
        assert backups == {"mysql": [False, True, True], "rabbitmq": [False] * 3}, node


def test_queues_are_seen_from_every_broker(lab):
    for node in lab.nodes.values():
        assert node.run(["rabbitmqctl", "--timeout", "20", "list_queues"]).rc == 0, node.id


def test_the_holder_dies_and_everything_comes_back(lab, serving):
    serving()
    found = failover.fail_over(lab, after=BOUND)
    for kind, one in found["gaps"].items():
        assert one["gap"] is not None and one["gap"] < BOUND, f"{kind}: {one}"
        assert one["succeeded"] > one["failed"], f"{kind}: {one}"
    serving()


def test_the_vip_leaves_a_node_whose_haproxy_stops(lab, serving):
    serving()
    holder = failover.vip_holder(lab)
    lab.node(holder).check(["systemctl", "stop", "haproxy"])
    try:
        wait_for(lambda: failover.vip_holder(lab) != holder, 60, "the VIP to leave", 0.2)
        assert [r["error"] for r in _probe(lab) if r["error"]] == []
    finally:
        lab.node(holder).check(["systemctl", "start", "haproxy"])
    failover.vip_holder(lab)
