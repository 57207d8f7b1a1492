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
    "millions": (("nodes", "sto1", "address"), "10.0.0.21/8", "stands for 16777216"),
    "a dash": (("galera", "server_options"), {"max-connections": 9}, "spelled 'max_connections'"),
    "a cut value": (("galera", "server_options"), {"init_connect": "a # b"}, "is cut by MariaDB"),
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
    node = {"address": "172.29.80.60", "roles": ["proxy"]}
    (fault,) = _faults(("nodes", minion_id), node)
    assert "is no name of a host" in fault
    assert _faults(("nodes", minion_id), {**node, "hostname": "ctl9"}) == []
