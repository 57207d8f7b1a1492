"""What the cluster gives to those outside it, and how its servers stand."""

import pytest

from bench import failover
from lab.waiting import PATIENCE, wait_for

SERVICES = {
    "controller": (
        "mariadb",
        "rabbitmq-server",
        "memcached",
        "keystone",
        "glance-api",
        "placement-api",
        "openstack-ha-health",
        "haproxy",
        "keepalived",
    ),
    "proxy": ("swift-proxy",),
    "storage": ("swift-account", "swift-container", "swift-object"),
    "compute": ("libvirtd", "nova-compute", "nova-network", "nova-api-metadata"),
}
# On the node's own address, and on the VIP.
OWN = (3306, 3307, 5672, 15672, 9200, 9201, 8404, 11211, 5000, 9292, 8778)
SHARED = (3306, 5672, 8404, 5000, 9292, 8778)


@pytest.fixture(scope="module")
def records(lab, serving):
    serving()
    wait_for(lambda: servers(lab), PATIENCE, "every HAProxy to have every server")
    with failover.Probe(lab, seconds=3, timeout=60) as probe:
        pass
    assert probe.records, probe.error
    return probe.records


@pytest.mark.parametrize("kind", failover.GOALS)
def test_everything_works_through_the_vip(kind, records):
    own = [record for record in records if record["operation"] == kind]
    assert own
    assert [record["error"] for record in own if record["error"]] == []


def servers(lab):
    """What each controller's HAProxy has; nothing while one does not answer or lacks a server."""
    nodes = lab.with_role("controller")
    rows = lab.master.salt(",".join(nodes), "openstack_ha_haproxy.status", patience=10)
    if set(rows) != set(nodes) or not all(isinstance(one, list) for one in rows.values()):
        return None
    found = {
        node: [row for row in lines if row["kind"] == "server"] for node, lines in rows.items()
    }
    is_whole = all(row["serving"] for lines in found.values() for row in lines)
    return found if is_whole else None


def test_one_controller_holds_the_vip(lab, nodes):
    assert failover.vip_holder(lab) in nodes


def test_brokers_are_one_cluster(lab, nodes):
    status = lab.master.salt(",".join(nodes), "openstack_ha_rabbitmq.status")
    assert set(status) == set(nodes)
    for node, one in status.items():
        assert len(one["running_nodes"]) == len(nodes), node
        assert not one["partitions"], node


def test_every_service_runs_and_starts_at_boot(lab):
    for node in lab.nodes.values():
        units = [unit for role in node.roles for unit in SERVICES[role]]
        for verb in ("is-active", "is-enabled"):
            done = node.run(["systemctl", verb, *units])
            assert done.rc == 0, f"{node.id}: {dict(zip(units, done.out.split(), strict=False))}"


def test_servers_listen_on_their_own_address_and_haproxy_on_the_vip(lab, nodes):
    vip = lab.inventory["vip"]["address"]
    for node in map(lab.node, nodes):
        listening = set(node.check(["ss", "-Hltn"]).split())
        wanted = {f"{node.address}:{port}" for port in OWN} | {f"{vip}:{port}" for port in SHARED}
        assert wanted - listening == set(), node.id
        everywhere = {f"{host}:{port}" for host in ("0.0.0.0", "*", "[::]") for port in OWN}
        assert everywhere & listening == set(), node.id


def test_haproxy_has_one_writer_and_every_broker(lab):
    found = wait_for(lambda: servers(lab), PATIENCE, "every HAProxy to have every server")
    for node, lines in found.items():
        backups = {
            proxy: [row["backup"] for row in lines if row["proxy"] == proxy]
            for proxy in ("mysql", "rabbitmq")
        }
        assert backups == {"mysql": [False, True, True], "rabbitmq": [False] * 3}, node


def test_queues_are_seen_from_every_broker(lab, nodes):
    for node in nodes:
        done = lab.node(node).run(["rabbitmqctl", "--timeout", "20", "list_queues"])
        assert done.rc == 0, f"{node}: {done.err}"


def test_every_node_has_the_same_rings(lab, serving):
    serving()
    assert lab.master.run("openstack_ha_swift.status", "demo")["verdict"] == "healthy"


def test_objects_are_the_same_through_every_proxy(lab, store):
    for node in lab.nodes.values():
        if "proxy" in node.roles:
            store.run("check", node.address)
