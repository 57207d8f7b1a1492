"""The cluster file: every fault by path, ranges, and the view of one minion."""

import copy

import openstack_ha_cluster
import openstack_ha_nova_migration_key as migration_key
import openstack_ha_schema
import openstack_ha_secrets
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from support import ROOT, example, leaves

EXAMPLE = ROOT / "pillar.example"


@pytest.fixture
def cluster():
    return example()


def _set(cluster, path, value):
    *parents, leaf = path
    branch = cluster
    for key in parents:
        branch = branch.setdefault(key, {})
    branch[leaf] = value


def _as_it_stands():
    return yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))["openstack_ha"]


def test_example_has_no_fault_but_what_everybody_knows(cluster):
    assert openstack_ha_cluster.faults(cluster) == []
    found = openstack_ha_cluster.faults(_as_it_stands())
    paths = [fault.partition(": ")[0] for fault in found]
    assert {"openstack_ha:tls:certificate", "openstack_ha:tls:ca"} < set(paths)
    assert len([path for path in paths if ":secrets:" in path]) == len(
        list(leaves(cluster["secrets"]))
    )
    assert all("is the example's" in fault for fault in found)
    assert (
        "openstack_ha:secrets:swift:hash_path_prefix: is the example's, which everybody knows; "
        "`salt-run openstack_ha.secrets` makes one"
    ) in found


def test_a_secret_of_the_example_that_nobody_needs_is_no_fault(cluster):
    known = _as_it_stands()
    cluster["tls"], cluster["secrets"]["tls"] = {"plain_http": True}, known["secrets"]["tls"]
    cluster["tls"]["ca"] = known["tls"]["ca"]
    assert openstack_ha_cluster.faults(cluster) == []


def test_secrets_of_the_example_are_made_anew(cluster):
    known = _as_it_stands()
    full = openstack_ha_schema.with_defaults(known)
    systems = openstack_ha_cluster.all_systems(openstack_ha_cluster.complete(known))
    made = openstack_ha_secrets.generate(full, systems)
    old = set(leaves(known["secrets"])) - {known["secrets"]["tls"]["key"]}
    assert not old & set(leaves(made))
    made["tls"] = cluster["secrets"]["tls"]
    assert openstack_ha_cluster.faults({**cluster, "secrets": made}) == []


CASES = {
    "a network without its prefix is one fault": (
        ("network", "management"),
        "172.29.80.0",
        "openstack_ha:network:management: '172.29.80.0' is no network such as 10.0.0.0/24",
    ),
    "one role that is no list": (
        ("nodes", "new1"),
        {"address": "172.29.80.24", "roles": "proxy"},
        "openstack_ha:nodes:new1:roles: 'proxy' is not a list, such as [proxy]",
    ),
    "a size without its unit": (
        ("galera", "gcache_size"),
        "512",
        "openstack_ha:galera:gcache_size: '512' does not fit: ring buffer of write sets; a node "
        "away for less than this comes back without an SST",
    ),
    "VIP outside the network": (
        ("vip", "address"),
        "10.0.0.1",
        "openstack_ha:vip:address: 10.0.0.1 lies outside network:management 172.29.80.0/24",
    ),
    "VIP is no address": (
        ("vip", "address"),
        "somewhere",
        "openstack_ha:vip:address: 'somewhere' is no address",
    ),
    "VIP is the broadcast address": (
        ("vip", "address"),
        "172.29.80.255",
        "openstack_ha:vip:address: 172.29.80.255 is the network's own or broadcast address",
    ),
    "VIP is a node's address": (
        ("vip", "address"),
        "172.29.80.12",
        "openstack_ha:nodes:ctl2:address: 172.29.80.12 is the VIP; the VIP is no node's address",
    ),
    "a disk for machines of a node that runs none": (
        ("nodes", "sto1", "compute"),
        {"instances": {"path": "/dev/sdd"}},
        "openstack_ha:nodes:sto1:compute: the node has no role compute; add it to its roles",
    ),
    "a disk for machines that is no device": (
        ("nodes", "cmp[1-2]", "compute"),
        {"instances": {"path": "sdd"}},
        "openstack_ha:nodes:cmp[1-2]:compute:instances:path: 'sdd' does not fit: a path below /dev",
    ),
    "two nodes with one address": (
        ("nodes", "new1"),
        {"address": "172.29.80.11", "roles": ["proxy"]},
        "openstack_ha:nodes:new1:address: 172.29.80.11 is the address of ctl1 too",
    ),
    "two nodes with one hostname": (
        ("nodes", "ctl1.example.org"),
        {"address": "172.29.80.24", "roles": ["proxy"]},
        "openstack_ha:nodes:ctl1.example.org:hostname: 'ctl1' is the name of ctl1 too, "
        "whatever the case; give one of them a hostname of its own",
    ),
    "one node named twice": (
        ("nodes", "ctl2"),
        {"address": "172.29.80.25", "roles": ["proxy"]},
        "openstack_ha:nodes:ctl2: ctl2 is named twice",
    ),
    "unknown role": (
        ("nodes", "new1"),
        {"address": "172.29.80.24", "roles": ["compte"]},
        "openstack_ha:nodes:new1:roles:0: 'compte' is not one of controller, proxy, compute, "
        "storage; did you mean compute?",
    ),
    "range of another length": (
        ("nodes", "new[1-3]"),
        {"address": "172.29.80.24-25", "roles": ["proxy"]},
        "openstack_ha:nodes:new[1-3]:address: new[1-3] names 3 nodes and 172.29.80.24-25 "
        "2 addresses",
    ),
    "even number of controllers": (
        ("nodes", "ctl4"),
        {"address": "172.29.80.14", "roles": ["controller"]},
        "openstack_ha:nodes: 4 controllers, an even number: a split down the middle leaves no "
        "majority; take an odd number, or set allow_even_controllers: true",
    ),
    "missing secret": (
        ("secrets", "haproxy"),
        {},
        "openstack_ha:secrets:haproxy:stats: is missing; `salt-run openstack_ha.secrets` makes one",
    ),
    "a cookie that Debian's package would replace": (
        ("secrets", "rabbitmq", "erlang_cookie"),
        "ABCDEFGHIJKLMNOPQRST",
        "openstack_ha:secrets:rabbitmq:erlang_cookie: twenty capital letters look like a cookie "
        "that Debian's package made, which an upgrade replaces; take another",
    ),
    "no certificate": (
        ("tls",),
        {},
        "openstack_ha:tls:certificate: is missing: the certificate for vip:fqdn in PEM; or set "
        "tls:plain_http: true, and passwords go over the network as they are",
    ),
    "no certificate but rubble": (
        ("tls", "certificate"),
        "-----BEGIN CERTIFICATE----- ab",
        "openstack_ha:tls:certificate: is no certificate in PEM, each line at the same indentation",
    ),
    "a key with a password": (
        ("secrets", "tls", "key"),
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nab\n-----END ENCRYPTED PRIVATE KEY-----",
        "openstack_ha:secrets:tls:key: is no private key without a password in PEM, each line at "
        "the same indentation",
    ),
    "no migration key but rubble": (
        ("secrets", "nova", "migration_key"),
        "change-me-nova-migration-key",
        "openstack_ha:secrets:nova:migration_key: is no private key in OpenSSH's PEM, each line at "
        f"the same indentation; {migration_key.REMEDY}",
    ),
    "a migration key that is damaged": (
        ("secrets", "nova", "migration_key"),
        "-----BEGIN OPENSSH PRIVATE KEY-----\nab\n-----END OPENSSH PRIVATE KEY-----",
        "openstack_ha:secrets:nova:migration_key: has a passphrase, or is damaged; "
        f"{migration_key.REMEDY}",
    ),
    "no migration key": (
        ("secrets", "nova"),
        {},
        "openstack_ha:secrets:nova:migration_key: is missing; `salt-run openstack_ha.secrets` "
        "makes one",
    ),
    "no key": (
        ("secrets", "tls"),
        {},
        "openstack_ha:secrets:tls:key: is missing; the private key of tls:certificate in PEM; or "
        "set tls:plain_http: true",
    ),
    "unknown key": (
        ("vip", "adress"),
        "172.29.80.100",
        "openstack_ha:vip: unknown keys 'adress'; did you mean address? known here: address, "
        "fqdn, interface, prefixlen, router_id",
    ),
    "network with host bits": (
        ("network", "management"),
        "172.29.80.1/24",
        "openstack_ha:network:management: '172.29.80.1/24' has host bits set; "
        "the network is 172.29.80.0/24",
    ),
}


@pytest.mark.parametrize(("path", "value", "fault"), CASES.values(), ids=CASES)
def test_fault_is_named_by_path_value_and_reason(cluster, path, value, fault):
    _set(cluster, path, value)
    assert openstack_ha_cluster.faults(cluster) == [fault]


def test_every_fault_is_named_at_once(cluster):
    faults = []
    for title in (
        "VIP outside the network",
        "two nodes with one address",
        "even number of controllers",
        "missing secret",
    ):
        path, value, fault = CASES[title]
        _set(cluster, path, value)
        faults.append(fault)
    _set(cluster, ("nodes", "sto1"), {"address": "172.29.80.31", "roles": ["stroage"]})
    found = openstack_ha_cluster.faults(cluster)
    assert set(faults) < set(found)
    assert sum("stroage" in line for line in found) == 1
    assert len(found) == len(faults) + 1


def test_secret_never_stands_in_a_fault(cluster):
    _set(cluster, ("secrets", "haproxy", "stats"), "se cret#value!")
    (fault,) = openstack_ha_cluster.faults(cluster)
    assert fault.startswith("openstack_ha:secrets:haproxy:stats: is no usable secret")
    assert "se cret" not in fault


def test_even_controllers_by_an_explicit_word(cluster):
    path, value, _ = CASES["even number of controllers"]
    _set(cluster, path, value)
    cluster["allow_even_controllers"] = True
    assert openstack_ha_cluster.faults(cluster) == []


def test_without_tls_nothing_of_it_is_needed(cluster):
    cluster["tls"] = {"plain_http": True}
    del cluster["secrets"]["tls"]
    assert openstack_ha_cluster.faults(cluster) == []


def test_empty_cluster_names_what_it_lacks():
    faults = openstack_ha_cluster.faults({})
    for key in ("name", "network", "vip", "nodes"):
        assert any(repr(key) in fault for fault in faults)


@pytest.mark.parametrize("rubble", [None, [], "text", {"nodes": []}, {"nodes": {"a": None}}])
def test_rubble_is_refused_without_a_traceback(rubble):
    assert openstack_ha_cluster.faults(rubble)


def test_range_keeps_leading_zeros():
    assert openstack_ha_cluster.node_ids("cmp[08-11].example.org") == [
        "cmp08.example.org",
        "cmp09.example.org",
        "cmp10.example.org",
        "cmp11.example.org",
    ]


def test_view_holds_the_secrets_of_the_nodes_own_systems_only(cluster):
    complete = openstack_ha_cluster.complete(cluster)
    controller = openstack_ha_cluster.view(complete, "ctl1")
    compute = openstack_ha_cluster.view(complete, "cmp1")
    storage = openstack_ha_cluster.view(complete, "sto2")
    assert set(controller["secrets"]) == {
        "haproxy",
        "tls",
        "galera",
        "rabbitmq",
        "keystone",
        "swift",
        "horizon",
    }
    assert compute["secrets"] == {
        "rabbitmq": {"users": {"nova": "made-up-rabbitmq-nova"}},
        "keystone": {"users": {"nova": "made-up-keystone-nova"}},
        "nova": cluster["secrets"]["nova"],
    }
    assert set(storage["secrets"]["swift"]) == {"hash_path_prefix", "hash_path_suffix"}
    assert "galera" not in compute
    assert "swift" not in compute
    assert list(compute["nodes"]) == ["ctl1", "ctl2", "ctl3", "cmp1"]
    assert "cmp1" not in controller["nodes"]


def test_glance_runs_where_images_have_a_place(cluster):
    complete = openstack_ha_cluster.complete(cluster)
    assert "glance" in openstack_ha_cluster.systems(complete, "ctl1")
    assert "glance" not in openstack_ha_cluster.systems(complete, "sto1")
    complete["swift"]["auth"] = "tempauth"
    assert "glance" not in openstack_ha_cluster.systems(complete, "ctl1")
    complete["swift"]["auth"] = "keystone"
    for node in complete["nodes"].values():
        node["roles"] = [role for role in node["roles"] if role != "proxy"]
    assert "glance" not in openstack_ha_cluster.systems(complete, "ctl1")


def test_every_system_with_a_rule_is_looked_after_where_it_runs(cluster):
    whole = openstack_ha_cluster.complete(cluster)
    found = {node: openstack_ha_cluster.looked_after(whole, node) for node in whole["nodes"]}
    of_controllers = ["galera", "rabbitmq", "db_sync", "keystone"]
    assert found["ctl1"] == [
        *of_controllers,
        "nova",
        "nova_network",
        "swift",
        "keepalived",
        "nova_builds",
        "turn",
    ]
    assert found["cmp1"] == ["nova", "turn"]
    assert found["sto1"] == ["swift", "turn"]
    for node, systems in found.items():
        assert openstack_ha_cluster.looked_after(openstack_ha_cluster.view(whole, node), node) == (
            systems
        )
    rules = {path.stem for path in (ROOT / "_utils").glob("openstack_ha_*_rule.py")}
    assert {f"openstack_ha_{one}_rule" for one in openstack_ha_cluster.coordinated()} == rules


def test_what_two_cluster_files_claim_is_a_fault_of_the_later(cluster):
    whole = openstack_ha_cluster.complete(cluster)
    other = {**whole, "name": "other", "nodes": {"sto1": whole["nodes"]["sto1"], "new": {}}}
    assert openstack_ha_cluster.collisions({"/a": whole, "/b": {**other, "nodes": {}}}) == {}
    assert openstack_ha_cluster.collisions({"/a": whole, "/b": other, "/c": whole}) == {
        "/b": ["openstack_ha:nodes:sto1: sto1 is a node in /a too; a node is of one cluster"],
        "/c": [
            "openstack_ha:name: demo is the name in /a too; give one of them another",
            *(
                f"openstack_ha:nodes:{one}: {one} is a node in /a too; a node is of one cluster"
                for one in sorted(whole["nodes"])
            ),
        ],
    }


def test_a_proxy_elsewhere_has_the_one_password_that_it_needs(cluster):
    _set(cluster, ("nodes", "prx1"), {"address": "172.29.80.41", "roles": ["proxy"]})
    view = openstack_ha_cluster.view(openstack_ha_cluster.complete(cluster), "prx1")
    assert view["secrets"]["keystone"] == {"users": {"swift": "made-up-keystone-swift"}}
    assert openstack_ha_cluster.faults(view, "prx1") == []


def test_stranger_sees_nothing(cluster):
    assert openstack_ha_cluster.view(openstack_ha_cluster.complete(cluster), "stranger") == {}


def test_defaults_do_not_touch_the_original(cluster):
    before = copy.deepcopy(cluster)
    openstack_ha_cluster.complete(cluster)
    assert cluster == before


@given(computes=st.integers(0, 60), index=st.integers(0, 60))
def test_view_does_not_grow_with_the_cluster_and_is_its_own_view(computes, index):
    cluster = example()
    for number in range(computes):
        address = f"172.29.80.{34 + number}"
        cluster["nodes"][f"new{number}"] = {"address": address, "roles": ["compute"]}
    complete = openstack_ha_cluster.complete(cluster)
    minion_id = list(complete["nodes"])[index % len(complete["nodes"])]
    view = openstack_ha_cluster.view(complete, minion_id)
    assert len(view["nodes"]) <= 4 or minion_id == openstack_ha_cluster.rings_owner(complete)
    assert len(view["nodes"]) <= 6
    assert openstack_ha_cluster.view(view, minion_id) == view
    assert openstack_ha_cluster.faults(view, minion_id) == []


def test_priorities_are_distinct_and_fall(cluster):
    priorities = openstack_ha_cluster.vrrp_priorities(openstack_ha_cluster.complete(cluster))
    assert list(priorities) == ["ctl1", "ctl2", "ctl3"]
    assert sorted(set(priorities.values()), reverse=True) == list(priorities.values())


def test_sql_host_is_the_management_network(cluster):
    assert openstack_ha_cluster.sql_host(cluster) == "172.29.80.0/255.255.255.0"


def test_generated_secrets_are_complete_valid_and_keep_what_is_there(cluster):
    del cluster["secrets"]["rabbitmq"]
    full = openstack_ha_schema.with_defaults(cluster)
    systems = openstack_ha_cluster.all_systems(openstack_ha_cluster.complete(cluster))
    made = openstack_ha_secrets.generate(full, systems)
    assert made["haproxy"]["stats"] == "made-up-haproxy-stats"
    assert openstack_ha_secrets.generate(full, []) == cluster["secrets"]
    assert openstack_ha_cluster.faults({**cluster, "secrets": made}) == []
    assert openstack_ha_secrets.generate({**full, "secrets": made}, systems) == made


def test_every_option_is_described():
    def described(schema, path=""):
        for key, sub in schema.get("properties", {}).items():
            if path and "default" in sub and not key.startswith("apply"):
                assert sub.get("description"), f"{path}:{key} has no description"
            described(sub, f"{path}:{key}")

    described(openstack_ha_schema.SCHEMA)


def test_example_shows_every_key():
    text = EXAMPLE.read_text(encoding="utf-8")

    def keys(schema):
        for key, sub in schema.get("properties", {}).items():
            yield key
            yield from keys(sub)
            if isinstance(sub.get("additionalProperties"), dict):
                yield from keys(sub["additionalProperties"])

    hidden = {"view_of", "version", "prefixlen", "fernet_keys", "credential_keys"}
    lacking = {key for key in keys(openstack_ha_schema.SCHEMA) if f"{key}:" not in text}
    assert lacking == hidden
