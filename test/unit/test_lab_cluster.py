"""The lab's cluster file and what its inventory gives away."""

import copy
import stat
import subprocess

import openstack_ha_cluster
import pytest
import yaml
from support import ROOT, example, leaves

from lab import authority, cluster, inventory
from lab.errors import LabError

ELSEWHERE = "10.20.30.0/24"


def test_merged_changes_leaves_and_neither_of_the_two():
    base = {"a": {"x": 1, "y": {"z": 2}}, "b": 3, "c": {"d": 4}}
    over = {"a": {"y": {"z": 5}, "n": 6}, "b": {"now": "a mapping"}, "c": 7}
    before = copy.deepcopy((base, over))
    assert cluster.merged(base, over) == {
        "a": {"x": 1, "y": {"z": 5}, "n": 6},
        "b": {"now": "a mapping"},
        "c": 7,
    }
    assert (base, over) == before


def test_a_profile_has_the_nodes_of_its_roles(monkeypatch):
    whole = {
        "name": "demo",
        "network": {"management": "192.0.2.0/24"},
        "nodes": {
            "ctl": {"roles": ["controller"]},
            "all": {"roles": ["storage", "controller"]},
            "cmp": {"roles": ["compute"]},
        },
    }
    monkeypatch.setitem(cluster.PROFILES, "core", ("controller",))
    found = cluster.for_profile(whole, "core")
    assert list(found["nodes"]) == ["ctl", "all"]
    assert found["name"] == "demo"
    assert len(whole["nodes"]) == 3


@pytest.mark.parametrize("profile", cluster.PROFILES)
def test_what_runs_machines_is_there_where_compute_nodes_are(profile):
    found = cluster.for_profile(cluster.merged(example(), cluster.SIZES), profile)
    has_nodes = any("compute" in node["roles"] for node in found["nodes"].values())
    assert has_nodes == (profile == "nova-network")
    assert ("provider" in found["network"]) == has_nodes
    assert [name in found for name in cluster.OF_MACHINES] == [has_nodes] * 3
    assert openstack_ha_cluster.faults(found) == []


def test_an_unknown_profile_is_refused_by_name():
    with pytest.raises(LabError, match=r"'none'.*core"):
        cluster.for_profile({"nodes": {}}, "none")


def test_a_moved_cluster_has_every_address_at_its_place():
    moved = cluster.moved(example(), ELSEWHERE)
    assert [node["address"] for node in moved["nodes"].values()] == [
        "10.20.30.11",
        "10.20.30.12",
        "10.20.30.13",
        "10.20.30.21",
        "10.20.30.22",
        "10.20.30.31",
        "10.20.30.32",
        "10.20.30.33",
    ]
    assert moved["vip"] == {**example()["vip"], "address": "10.20.30.100"}
    assert openstack_ha_cluster.faults(moved) == []


@pytest.mark.parametrize(
    ("there", "cidr", "expected"),
    [
        ("172.29.80.128/27", ELSEWHERE, "10.20.30.128/27"),
        ("172.29.80.140-149", ELSEWHERE, "10.20.30.140-149"),
        ("172.29.80.40-49", "10.20.30.64/26", "10.20.30.104-113"),
        ("192.0.2.0/24", ELSEWHERE, "192.0.2.0/24"),
    ],
)
def test_floating_addresses_move_with_the_network_that_they_are_in(there, cidr, expected):
    source = example()
    source["nova_network"]["floating_pools"]["public"]["ranges"] = [there]
    found = cluster.moved(source, cidr)["nova_network"]
    assert found["floating_pools"]["public"]["ranges"] == [expected]
    assert found["networks"] == source["nova_network"]["networks"]


def test_a_cluster_that_moves_back_is_the_one_it_was():
    there = cluster.moved(example(), ELSEWHERE)
    back = cluster.moved(there, example()["network"]["management"])
    assert back == openstack_ha_cluster.expand(example())


def test_secrets_are_the_labs_own_and_stay(tmp_path):
    kept = tmp_path / "lab" / "cluster.yaml"
    first = cluster.prepare(example(), kept, "core", ELSEWHERE)
    second = cluster.prepare(example(), kept, "core", ELSEWHERE)
    assert first["secrets"] == second["secrets"] == cluster.load(kept)["secrets"]
    assert not set(leaves(first["secrets"])) & set(leaves(example()["secrets"]))
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert list(kept.parent.iterdir()) == [kept]


def test_the_certificate_stays_as_long_as_the_vip_does(tmp_path):
    kept = tmp_path / "cluster.yaml"
    first = cluster.prepare(example(), kept, "core", ELSEWHERE)
    assert cluster.prepare(example(), kept, "core", ELSEWHERE)["tls"] == first["tls"]
    moved = cluster.prepare(example(), kept, "core", "10.20.40.0/24")
    assert moved["tls"]["certificate"] != first["tls"]["certificate"]
    assert moved["secrets"]["tls"] != first["secrets"]["tls"]


def test_a_certificate_is_for_the_name_and_the_address(tmp_path):
    made = authority.issue("cloud.example.org", "10.20.30.100")
    (tmp_path / "ca.pem").write_text(made["ca"])
    (tmp_path / "own.pem").write_text(made["certificate"] + made["key"])
    for name in (["-verify_hostname", "cloud.example.org"], ["-verify_ip", "10.20.30.100"]):
        subprocess.run(
            ["openssl", "verify", "-CAfile", "ca.pem", *name, "own.pem"], cwd=tmp_path, check=True
        )
    check = ["sh", str(ROOT / "openstack_ha/haproxy/files/check-certificate")]
    for name, expected in (("cloud.example.org", 0), ("other.example.org", 1)):
        done = subprocess.run([*check, name, "own.pem"], cwd=tmp_path, check=False)
        assert done.returncode == expected
    other = authority.issue("cloud.example.org", "10.20.30.100")
    (tmp_path / "mixed.pem").write_text(made["certificate"] + other["key"])
    done = subprocess.run([*check, "cloud.example.org", "mixed.pem"], cwd=tmp_path, check=False)
    assert done.returncode == 1


@pytest.mark.parametrize("text", ["", "- a", "other: 1", "a: [", None])
def test_what_is_no_cluster_file_is_named(tmp_path, text):
    path = tmp_path / "cluster.yaml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(LabError, match=str(path)):
        cluster.load(path)


@pytest.fixture
def complete():
    return cluster.complete(example())


def test_credentials_are_of_the_users_own_accounts_first(complete):
    found = inventory.credentials(complete)
    assert (found["galera"]["user"], found["galera"]["password"]) == (
        "probe",
        "made-up-galera-probe",
    )
    assert found["rabbitmq"]["user"] == "openstack"
    assert set(found["rabbitmq"]["accounts"]) == {"openstack", "health", "nova"}
    assert found["haproxy"] == {
        "user": "admin",
        "password": "made-up-haproxy-stats",
        "port": 8404,
        "url": "https://cloud.example.org:8404",
    }


def test_nova_is_asked_where_there_are_machines(complete):
    assert inventory.credentials(complete)["nova"] == {
        "port": 8774,
        "url": "https://cloud.example.org:8774",
    }
    del complete["network"]["provider"]
    assert "nova" not in inventory.credentials(complete)


def test_the_client_logs_in_as_the_administrator_by_the_vip(complete):
    (cloud,) = inventory.clouds(complete, "/ca.pem")["clouds"].values()
    assert (cloud["auth"]["auth_url"], cloud["cacert"]) == (
        "https://cloud.example.org:5000/v3",
        "/ca.pem",
    )
    assert cloud["auth"]["password"] == complete["secrets"]["keystone"]["admin"]
    assert cloud["region_name"] == complete["keystone"]["region"]


def test_swift_is_asked_as_the_first_user_of_keystone_or_of_tempauth(complete):
    found = inventory.credentials(complete)["swift"]
    assert (found["user"], found["project"], found["password"]) == (
        "demo",
        "demo",
        "made-up-keystone-demo",
    )
    assert found["auth_url"] == "https://cloud.example.org:5000/v3"
    complete["swift"].update(auth="tempauth", users={"tester": {"account": "test"}})
    complete["secrets"]["swift"]["users"] = {"tester": "made-up-swift-tester"}
    found = inventory.credentials(complete)["swift"]
    assert (found["user"], found["password"]) == ("test:tester", "made-up-swift-tester")
    assert found["auth_url"] == "https://cloud.example.org:8080/auth/v1.0"


def test_credentials_without_an_account_of_the_users_are_the_formulas(complete):
    complete["galera"]["accounts"] = {}
    del complete["secrets"]["galera"]["accounts"]["probe"]
    assert inventory.credentials(complete)["galera"]["user"] == "health"


def test_a_written_cluster_file_is_what_the_formula_reads(tmp_path):
    kept = tmp_path / "cluster.yaml"
    cluster.prepare(example(), kept, "core", ELSEWHERE)
    content = yaml.safe_load(kept.read_text())[cluster.KEY]
    assert openstack_ha_cluster.faults(content) == []
