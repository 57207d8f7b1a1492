"""Before the first highstate: what would be done is named, and nothing is done."""

import ipaddress

import pytest
import yaml

from lab import highstate


def _first(cluster):
    """The address of ctl1."""
    return next(iter(cluster["nodes"].values()))["address"].partition("-")[0]


def _free(cluster, number):
    return str(ipaddress.ip_network(cluster["network"]["management"])[number])


BAD = {
    "VIP outside the network": (
        lambda cluster: cluster["vip"].update(address="10.0.0.1"),
        "vip:address: 10.0.0.1 lies outside network:management",
    ),
    "two nodes with one address": (
        lambda cluster: cluster["nodes"].update(
            cmp1={"address": _first(cluster), "roles": ["compute"]}
        ),
        "is the address of ctl1 too",
    ),
    "an unknown role": (
        lambda cluster: cluster["nodes"].update(
            cmp2={"address": _free(cluster, 22), "roles": ["compte"]}
        ),
        "nodes:cmp2:roles:0: 'compte' is not one of controller, proxy, compute, storage",
    ),
    "a missing secret": (
        lambda cluster: cluster["secrets"]["haproxy"].clear(),
        "secrets:haproxy:stats: is missing",
    ),
    "an even number of controllers": (
        lambda cluster: cluster["nodes"].update(
            ctl4={"address": _free(cluster, 14), "roles": ["controller"]}
        ),
        "nodes: 4 controllers, an even number",
    ),
}
CLUSTER_FILE = "/srv/openstack_ha/cluster.yaml"
# What a highstate of ours would touch.
TOUCHED = (
    "find /etc /var/lib/mysql /var/lib/rabbitmq /usr/local -xdev -type f "
    "-newer /run/openstack_ha_test.mark ! -path '/etc/salt/*' ! -name machine-id"
)


@pytest.fixture(scope="module")
def lab(bare):
    """Hosts that are bare, whatever has been done to those that were there."""
    found = bare.master.salt("*", "openstack_ha_rejoin.status", patience=10).values()
    if any(isinstance(one, dict) and one["is_deployed"] for one in found):
        bare.redeploy()
    return bare


@pytest.fixture
def untouched(lab):
    """Nothing on any node may have changed by the end of the test."""
    for node in lab.nodes.values():
        node.check(["touch", "/run/openstack_ha_test.mark"])
    yield
    for node in lab.nodes.values():
        assert node.check(["sh", "-c", TOUCHED]) == "", node.id
        states = node.run(["systemctl", "is-active", "mariadb", "rabbitmq-server", "keepalived"])
        assert states.out.split() == ["inactive"] * 3, node.id


def test_test_mode_names_what_would_be_done(lab, untouched):
    returns = lab.highstate(test=True)
    assert highstate.failures(returns, lab.nodes) == {}
    changed = highstate.changes(returns)
    for node in lab.with_role("controller"):
        for name in ("galera_member", "rabbitmq_config", "haproxy_config", "keepalived_config"):
            assert f"openstack_ha_{name}" in changed[node], f"{node}: {changed[node]}"


def test_a_bad_pillar_is_refused_with_every_fault_named(lab, untouched):
    good = lab.master.host.read(CLUSTER_FILE)
    cluster = yaml.safe_load(good)
    for break_it, _ in BAD.values():
        break_it(cluster["openstack_ha"])
    lab.master.host.write(CLUSTER_FILE, yaml.safe_dump(cluster, sort_keys=False), mode=0o600)
    try:
        returns = lab.highstate()
    finally:
        lab.master.host.write(CLUSTER_FILE, good, mode=0o600)
    assert set(returns) == set(lab.nodes)
    for node, errors in returns.items():
        text = "\n".join(errors)
        assert isinstance(errors, list), f"{node} ran states"
        for title, (_, fault) in BAD.items():
            # 4 controllers and one of them with an unknown role are told apart by their lines.
            assert fault in text, f"{node} does not name {title}: {text}"
