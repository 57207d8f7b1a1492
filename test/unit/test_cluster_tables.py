"""Ports, addresses, references and names of the cluster file, compared with each other."""

import openstack_ha_cluster
import pytest
from support import example

PORTS = {
    "two services": (("glance", "port"), 5000, "keystone:port"),
    "one that nobody chooses": (("galera", "port"), 4567, "Galera's replication"),
    "two of one server": (("galera", "extra_port"), 3306, "galera:port"),
    "two rings": (("swift", "rings", "account", "port"), 6200, "swift:rings:object:port"),
    "the statistics": (("haproxy", "stats_port"), 5000, "keystone:port"),
    "epmd": (("memcached", "port"), 4369, "epmd"),
    "ssh": (("nova", "migration_port"), 22, "ssh"),
}

NODE = {"address": "172.29.80.60", "roles": ["proxy"]}
NAMES = {
    "a vhost": (("rabbitmq", "users", "openstack", "vhosts"), {"/b": {}}, "no vhost '/b'"),
    "a broker's user": (("rabbitmq", "users", "health"), {}, "'health' is the formula's"),
    "an account": (("galera", "accounts", "keystone"), {}, "'keystone' is the formula's"),
    "a database": (("galera", "accounts", "probe", "databases"), ["mysql"], "'mysql' is"),
    "a role by case": (("keystone", "roles"), ["Member"], "'Member' is the formula's"),
    "a domain": (("keystone", "projects", "demo", "domain"), "far", "no domain 'far'"),
    "a role": (("keystone", "assignments", 0, "role"), "boss", "no role 'boss'"),
    "a user": (("keystone", "assignments", 0, "user"), "nobody", "no user 'nobody'"),
    "a project": (("keystone", "assignments", 0, "project"), "none", "no project 'none'"),
    "a host's name": (("nodes", "sto1", "hostname"), "no", "'no' is no name of a host"),
    "IPv6": (("vip", "address"), "fd00::1", "is IPv6, which is not supported"),
    "an address for replication": (
        ("nodes", "sto1", "storage", "replication_address"),
        "172.29.80.32",
        "is the address of sto2 too",
    ),
    "the VIP for replication": (
        ("nodes", "sto1", "storage", "replication_address"),
        "172.29.80.100",
        "is the address of the VIP too",
    ),
    "an address of no host for replication": (
        ("nodes", "sto1", "storage", "replication_address"),
        "0.0.0.0",
        "'0.0.0.0' is no address of a host",
    ),
    "another node's name for the VIP": (("vip", "fqdn"), "CTL1", "is the name of ctl1, and"),
    "a node's id for the VIP": (("vip", "fqdn"), "sto1", "is the name of sto1, and"),
    "a node's name by case": (("nodes", "sto1", "hostname"), "Ctl1", "'Ctl1' is the name of ctl1"),
    "the VIP's name for a node": (("nodes", "cloud.example.org"), NODE, "is that of vip:fqdn"),
    "a name of this host for a node": (("nodes", "ip6-localhost"), NODE, "is no name of a host"),
    "policies by case": (
        ("swift", "policies"),
        {"Gold": {"index": 0, "is_default": True}, "gold": {"index": 1}},
        "policies:gold: 'gold' is a name of Gold, whatever the case",
    ),
    "an alias of two": (
        ("swift", "policies"),
        {
            "a": {"index": 0, "is_default": True, "aliases": ["x"]},
            "b": {"index": 1, "aliases": ["X"]},
        },
        "policies:b: 'X' is a name of a, whatever the case",
    ),
    "an alias that is a name": (
        ("swift", "policies"),
        {"a": {"index": 0, "is_default": True, "aliases": ["B"]}, "b": {"index": 1}},
        "policies:b: 'b' is a name of a, whatever the case",
    ),
    "an alias by case": (
        ("swift", "policies"),
        {"a": {"index": 0, "is_default": True, "aliases": ["A"]}},
        "policies:a: 'A' is a name of a, whatever the case",
    ),
    "the first policy's name": (
        ("swift", "policies"),
        {"gold": {"index": 0, "is_default": True}, "policy-0": {"index": 1}},
        "policies:policy-0: Swift has the name 'policy-0' for the index 0",
    ),
    "the first policy's name as an alias": (
        ("swift", "policies"),
        {"gold": {"index": 0, "is_default": True}, "x": {"index": 1, "aliases": ["Policy-0"]}},
        "policies:x: Swift has the name 'Policy-0' for the index 0",
    ),
    "the formula's policy of a broker": (
        ("rabbitmq", "policies"),
        {"openstack_ha_mirrored": {"pattern": "^a", "definition": {"expires": 1}, "priority": 1}},
        "'openstack_ha_mirrored' is the formula's",
    ),
    "millions": (("nodes", "sto1", "address"), "10.0.0.21/8", "stands for 16777216"),
    "a dash": (("galera", "server_options"), {"max-connections": 9}, "spelled 'max_connections'"),
    "no option of Galera's": (
        ("galera", "provider_options"),
        {"gcs.fc_limt": 9},
        "'gcs.fc_limt' is no option of Galera's, and no server would start with it; did you mean "
        "gcs.fc_limit?",
    ),
    "a cut value": (("galera", "server_options"), {"init_connect": "a # b"}, "is cut by MariaDB"),
}


FQDNS = [
    "http://cloud.example.org",
    "cloud.example.org:5000",
    "",
    "10.1.2.3",
    "172.29.80.100",
    "fd00::1",
    "cloud.example.org.",
    "-cloud.example.org",
    "cloud..example.org",
    "a cloud",
    "a,b",
    "*.example.org",
    "my_cloud.example.org",
    "4711",
    "localhost",
    "no",
    f"{'x' * 64}.org",
    ".".join(["x" * 60] * 5),
]
# Who wins over the queues that the formula mirrors, by pattern.
POLICIES = {
    "everything": (".*", {}, True),
    "everything on exchanges": (".*", {"apply_to": "exchanges"}, False),
    "everything before the formula": (".*", {"priority": 1}, False),
    "some": ("^billing", {}, True),
    "what the formula leaves alone": ("^reply_", {}, False),
    "fanouts": ("^.*_fanout_.*", {}, False),
}


def _faults(path, value):
    cluster = example()
    branch = cluster
    for key in path[:-1]:
        branch = branch[key] if isinstance(branch, list) else branch.setdefault(key, {})
    branch[path[-1]] = value
    return openstack_ha_cluster.faults(cluster)


@pytest.mark.parametrize(("path", "port", "other"), PORTS.values(), ids=PORTS)
def test_ports_that_meet_are_named(path, port, other):
    found = _faults(path, port)
    assert found
    assert all("is the port of" in fault for fault in found)
    assert any(other in fault and ":".join(path) in fault for fault in found)


@pytest.mark.parametrize(("path", "value", "told"), NAMES.values(), ids=NAMES)
def test_name_that_is_not_there_or_taken_is_told(path, value, told):
    path_text = "openstack_ha:" + ":".join(map(str, path[:2]))
    assert any(told in fault and fault.startswith(path_text) for fault in _faults(path, value))


def test_assignment_without_a_place_is_none_of_the_whole_system():
    (fault,) = _faults(("keystone", "assignments", 0), {"user": "demo", "role": "admin"})
    assert fault == (
        "openstack_ha:keystone:assignments:0: names no place; name one of project, domain, or "
        "system: all"
    )


@pytest.mark.parametrize("minion_id", ["ctl_9", "ctl 9", "ctl9@site", "4711", "vip"])
def test_minion_id_that_is_no_host_name_is_told(minion_id):
    (fault,) = _faults(("nodes", minion_id), NODE)
    assert "is no name of a host" in fault
    assert _faults(("nodes", minion_id), {**NODE, "hostname": "ctl9"}) == []


@pytest.mark.parametrize("fqdn", FQDNS)
def test_what_is_no_name_for_the_vip_is_told(fqdn):
    (fault,) = _faults(("vip", "fqdn"), fqdn)
    assert fault.startswith("openstack_ha:vip:fqdn: ")
    assert "is no name of a host" in fault


@pytest.mark.parametrize(
    "fqdn", ["cloud", "Cloud.Example.org", "4711.example.org", "ctl1.example.org"]
)
def test_what_is_a_name_for_the_vip_is_none_of_a_node(fqdn):
    assert _faults(("vip", "fqdn"), fqdn) == []


def test_the_name_that_the_vip_has_without_one_is_looked_at_too():
    cluster = example()
    del cluster["vip"]["fqdn"]
    assert openstack_ha_cluster.faults(cluster) == []
    cluster["name"] = "my_cloud"
    (fault,) = openstack_ha_cluster.faults(cluster)
    assert fault.startswith(
        "openstack_ha:vip:fqdn: is missing, and 'my_cloud.vip', made of the name"
    )


def test_interface_that_the_kernel_has_not_is_told():
    for path in (("vip", "interface"), ("nodes", "sto1", "interface")):
        for name in ("bond0; reboot", "eth 0", "a/b", "", "x" * 16):
            (fault,) = _faults(path, name)
            assert fault.startswith(f"openstack_ha:{':'.join(path)}: ")
        assert _faults(path, "bond0.100") == []


@pytest.mark.parametrize(("pattern", "more", "meets"), POLICIES.values(), ids=POLICIES)
def test_policy_that_may_or_may_not_win_over_the_formulas_is_told(pattern, more, meets):
    path = ("rabbitmq", "policies", "mine")
    found = _faults(path, {"pattern": pattern, "definition": {"expires": 1}, **more})
    assert [fault.partition(": ")[0] for fault in found] == (
        ["openstack_ha:rabbitmq:policies:mine:priority"] if meets else []
    )


def test_policy_meets_none_where_the_formula_has_none():
    cluster = example()
    policy = {"pattern": ".*", "definition": {"expires": 1}}
    cluster["rabbitmq"].update(queues="quorum", policies={"mine": policy})
    assert openstack_ha_cluster.faults(cluster) == []


@pytest.mark.parametrize("address", ["fd00::1", "::ffff:10.0.0.1"])
def test_address_of_a_node_that_is_ipv6_is_told_as_that(address):
    (fault,) = _faults(("nodes", "sto1", "address"), address)
    assert "is IPv6, which is not supported" in fault
