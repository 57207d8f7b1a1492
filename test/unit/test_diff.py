"""What a changed cluster file means, before it is applied: by node, by service, without secrets."""

import copy
import json

import openstack_ha_cluster as clusters
import openstack_ha_difference as difference
import openstack_ha_masked as masked
import pytest
from runners import Master, Nodes, load
from salt.exceptions import SaltRunnerError
from support import example, leaves, write_cluster

KEY = b"the master's own"
CONTROLLERS = ["ctl1", "ctl2", "ctl3"]


def of(cluster, key=KEY):
    return masked.masked(clusters.complete(cluster), key)


def changed(**sections):
    """The example with some options in place of its own."""
    cluster = example()
    for name, options in sections.items():
        cluster.setdefault(name, {}).update(options)
    return cluster


def compared(new, old=None, applied=None):
    """What it would mean where every node has applied the old one."""
    before = of(old or example())
    said = dict.fromkeys(before["nodes"], "old") if applied is None else applied
    return difference.assess(of(new), {"old": before}, said)


def services(data):
    return {one["part"]: one["nodes"] for one in data["services"]}


def options(data):
    return {one["path"]: (one["old"], one["new"]) for one in data["options"]}


def test_nothing_differs_from_itself():
    data = compared(example())
    assert data["retcode"] == 0
    assert not any(data[name] for name in data if name not in ("retcode", "name"))


def test_an_option_is_told_with_its_old_and_its_new_value():
    data = compared(changed(galera={"max_connections": 500}))
    assert options(data) == {"galera:max_connections": (4096, 500)}
    assert data["options"][0]["nodes"] == CONTROLLERS
    assert data["retcode"] == 2


# What changes, what is renewed, and how.
EFFECTS = {
    # HAProxy gives it as many requests as it has threads.
    "keystone": (
        {"threads": 9},
        {
            "keystone": "is drained and restarted, one node at a time",
            "haproxy": "reloads, one node at a time",
        },
    ),
    "memcached": ({"memory": 512}, {"memcached": "restarts, one node at a time"}),
    "haproxy": ({"maxconn": 20000}, {"haproxy": "reloads, one node at a time"}),
    "keepalived": ({"advert_interval": 0.5}, {"keepalived": "reloads, one node at a time"}),
    "galera": ({"max_connections": 500}, {"galera": difference.BY_RULE["galera"]}),
    "rabbitmq": (
        {"memory_high_watermark": 0.3},
        {"rabbitmq": "is drained and restarted, one node at a time"},
    ),
    "health": ({"available_when_donor": False}, {"health": difference.ON_ITS_NODE}),
}


@pytest.mark.parametrize("section", EFFECTS)
def test_only_services_that_read_a_change_are_renewed(section):
    new, effects = EFFECTS[section]
    data = compared(changed(**{section: new}))
    assert {one["part"]: one["how"] for one in data["services"]} == effects
    assert all(one["nodes"] == CONTROLLERS for one in data["services"])


def test_a_port_reaches_everybody_who_asks_there():
    found = set(services(compared(changed(keystone={"port": 5001}))))
    assert {"keystone", "haproxy", "glance", "placement", "nova.api", "nova.compute"} <= found
    assert not {"galera", "rabbitmq", "memcached", "keepalived", "health"} & found


@pytest.mark.parametrize(
    ("section", "new"),
    [
        ("galera", {"patience": 600}),
        ("galera", {"accounts": {"more": {"databases": []}}}),
        ("rabbitmq", {"policies": {}, "vhosts": ["/", "more"]}),
        ("keystone", {"patience": 600}),
    ],
)
def test_what_no_file_has_renews_nothing(section, new):
    cluster = changed(**{section: new})
    cluster["secrets"]["galera"]["accounts"]["more"] = "made-up-more-1234"
    data = compared(cluster)
    assert data["options"]
    assert data["services"] == []
    assert data["decides"] == {}


def test_compute_nodes_go_round_by_shares():
    data = compared(changed(nova={"cpu_ratio": 8}))
    found = {one["part"]: one["how"] for one in data["services"]}
    assert found["nova.compute"] == "restarts, 10 % of its nodes at once"
    virt = compared(changed(nova={"virt_type": "qemu"}))
    assert "nova.compute" in services(virt)


def test_a_secret_is_told_by_its_name_and_renews_whoever_reads_it():
    cluster = example()
    cluster["secrets"]["keystone"]["users"]["glance"] = "quite-another-one"
    data = compared(cluster)
    assert data["secrets"] == [
        {"path": "keystone:users:glance", "change": "changed", "nodes": CONTROLLERS}
    ]
    assert set(services(data)) == {"glance"}
    del cluster["secrets"]["keystone"]["users"]["glance"]
    assert compared(cluster)["secrets"][0]["change"] == "removed"


def test_the_key_of_tls_reloads_haproxy():
    cluster = example()
    key = cluster["secrets"]["tls"]["key"]
    cluster["secrets"]["tls"]["key"] = key.replace(
        "PRIVATE KEY-----\n", "PRIVATE KEY-----\nAAAA\n", 1
    )
    assert set(services(compared(cluster))) == {"haproxy"}


def test_no_secret_is_kept_or_shown():
    cluster = changed(
        glance={
            "options": {
                "DEFAULT": {"transport_url": "rabbit://me:hidden-one@a", "debug": True},
                "store": {"admin_password": "hidden-two"},
            }
        }
    )
    kept = json.dumps(of(cluster))
    every = [*leaves(example()["secrets"]), "hidden-one", "hidden-two"]
    assert every
    assert not [one for one in every if json.dumps(one).strip('"') in kept]
    data = compared(cluster)
    assert options(data)["glance:options:store:admin_password"] == (None, "(a secret)")
    assert options(data)["glance:options:DEFAULT:debug"] == (None, True)
    assert masked.MARK not in json.dumps(data)


def test_marks_are_equal_by_one_key_only():
    assert masked.version(of(example())) == masked.version(of(example()))
    assert masked.version(of(example())) != masked.version(of(example(), b"another"))


def test_each_node_is_compared_with_what_it_applied():
    now, middle, old = (changed(galera={"max_connections": one}) for one in (500, 400, 300))
    before = {"old": of(old), "middle": of(middle)}
    applied = {**dict.fromkeys(of(now)["nodes"], "middle"), "ctl3": "old"}
    data = difference.assess(of(now), before, applied)
    rows = [(one["old"], one["new"], one["nodes"]) for one in data["options"]]
    assert rows == [(400, 500, ["ctl1", "ctl2"]), (300, 500, ["ctl3"])]


def test_who_cannot_be_compared_is_named():
    nodes = list(of(example())["nodes"])
    applied = {**dict.fromkeys(nodes, "old"), "ctl1": None, "ctl2": "lost", "ctl3": ""}
    data = compared(example(), applied=applied)
    assert set(data["unknown"]) == {"ctl1", "ctl2"}
    assert data["unknown"]["ctl1"] == "did not answer"
    assert data["new"] == ["ctl3"]
    del applied["ctl3"], applied["ctl2"]
    silent = compared(example(), applied=applied)
    assert silent["unknown"] == dict.fromkeys(CONTROLLERS, "did not answer")
    assert silent["retcode"] == 1


def test_nodes_that_come_and_go_are_one_row_each():
    old, new = example(), example()
    new["nodes"]["sto9"] = {**copy.deepcopy(new["nodes"]["sto3"]), "address": "172.29.80.99"}
    del new["nodes"]["sto1"]
    applied = {**dict.fromkeys(of(old)["nodes"], "old"), "sto9": ""}
    data = compared(new, applied=applied)
    assert (data["new"], data["gone"]) == (["sto9"], ["sto1"])
    assert {"sto9 is new", "sto1 is gone"} <= set(data["decides"]["swift"])
    # The owner of the rings is sto2 now, which knows all storage nodes.
    rows = options(data)
    assert rows["nodes:sto9"] == (None, "172.29.80.99, storage")


@pytest.mark.parametrize(
    ("section", "new", "system", "why"),
    [
        ("keystone", {"rotation_hours": 12}, "keystone", "keystone:rotation_hours"),
        ("nova", {"failover_timeout": 60}, "nova_builds", "nova:failover_timeout"),
        ("nova_network", {"prune": True}, "nova_network", "nova_network:prune"),
        ("galera", {"max_connections": 500}, "galera", "galera restarts"),
        ("memcached", {"memory": 512}, "turn", "memcached is renewed"),
    ],
)
def test_the_master_decides_anew_about_what_it_decides_by(section, new, system, why):
    decides = compared(changed(**{section: new}))["decides"]
    assert why in decides[system]


def test_a_service_that_is_new_asks_for_its_schema():
    old, new = example(), example()
    del old["network"]["provider"]
    for node in old["nodes"].values():
        node.pop("compute", None)
    data = compared(new, old)
    assert "nova is new" in data["decides"]["db_sync"]
    back = compared(old, new)
    assert {one["how"] for one in back["services"] if one["part"] == "nova.api"} == {
        difference.LEFT
    }


class Applied(Nodes):
    """Nodes that say what they have applied last."""

    def __init__(self):
        super().__init__([])
        self.version = {}

    def last(self, node):
        return {"version": self.version.get(node, "")}


@pytest.fixture
def master(tmp_path):
    return Master(tmp_path, Applied())


@pytest.fixture
def handed_out(master, tmp_path):
    """The example, which every node has applied."""
    path = str(tmp_path / "cluster.yaml")
    cluster = master.execution["openstack_ha_cluster.current"](path)["cluster"]
    version = master.execution["openstack_ha_applied.hand_out"](cluster)
    master.nodes.version = dict.fromkeys(master.minions, version)
    return version


@pytest.fixture
def show():
    lines = load("_output", "openstack_ha_lines").output
    return load("_output", "openstack_ha_diff", __salt__={"openstack_ha_lines": lines}).output


def asked(master):
    answer = master.run("openstack_ha.diff")
    assert answer["outputter"] == "openstack_ha_diff"
    return answer["data"]


def test_people_see_what_changes(master, handed_out, tmp_path, show):
    path = tmp_path / "cluster.yaml"
    assert show(asked(master)) == f"demo: its nodes have applied what {path} says"
    cluster = changed(galera={"max_connections": 500}, keystone={"threads": 9})
    cluster["secrets"]["keystone"]["users"]["glance"] = "quite-another-one"
    write_cluster(path, cluster)
    master.nodes.silent = {"sto2", "sto3"}
    data = asked(master)
    assert data["retcode"] == 2
    text = show(data)
    assert text.startswith(f"demo: {path} differs from what its nodes have applied\n\noptions:\n")
    assert "  galera\n    max_connections: 4096 -> 500\n  keystone\n    threads: 8 -> 9\n" in text
    assert "  keystone:users:glance: changed\n" in text
    assert "  glance is drained and restarted, one node at a time: ctl1, ctl2, ctl3\n" in text
    assert "  sto2, sto3: cannot be compared, did not answer" in text
    assert "quite-another-one" not in text + json.dumps(data)
    assert max(map(len, text.splitlines()[1:])) <= 100


def test_an_error_of_a_node_is_told_as_it_is(master, handed_out, show):
    def last(node):
        return "no such function" if node == "ctl1" else {"version": handed_out}

    master.nodes.last = last
    data = asked(master)
    assert data["unknown"] == {"ctl1": "no such function"}
    assert data["retcode"] == 1
    assert "nothing differs on the nodes that can be compared" in show(data)


@pytest.mark.parametrize("version", ["0" * 16, "../key", "x" * 5000])
def test_a_version_that_nobody_handed_out_is_unknown(master, handed_out, version):
    master.nodes.version["ctl2"] = version
    assert set(asked(master)["unknown"]) == {"ctl2"}


def test_a_faulty_file_has_no_difference(master, handed_out, tmp_path):
    cluster = example()
    cluster["vip"]["address"] = "10.0.0.1"
    write_cluster(tmp_path / "cluster.yaml", cluster)
    with pytest.raises(SaltRunnerError, match="has faults, .*`salt-run openstack_ha.check`"):
        master.run("openstack_ha.diff")


def test_what_a_guard_refuses_is_shown_beside_the_rest(master, handed_out, tmp_path, show):
    file = str(tmp_path / "cluster.yaml")
    path = "vip:address"
    master.execution["openstack_ha_cluster.learn"](file, {path: {"value": "172.29.80.100"}})
    cluster = changed(galera={"max_connections": 500})
    cluster["vip"]["address"] = "172.29.80.101"
    write_cluster(tmp_path / "cluster.yaml", cluster)
    data = asked(master)
    assert data["retcode"] == 1
    (line,) = data["refused"]
    text = show(data)
    assert text.startswith(f"demo: {file} has what a highstate cannot change\n\nrefused, ")
    assert "'172.29.80.101' is not '172.29.80.100' that demo runs with" in line
    assert line in " ".join(text.split()) and max(map(len, text.splitlines()[1:])) <= 100
    assert f"`salt-run openstack_ha_guard.forget demo {path}`" in text
    assert "    max_connections: 4096 -> 500\n" in text and "  vip\n    address: 172.29" in text


def test_what_is_handed_out_is_kept_for_the_master_alone(master, tmp_path, monkeypatch):
    module = master.modules["_modules", "openstack_ha_applied"]
    monkeypatch.setattr(module, "KEPT", 3)
    names = []
    for number in range(5):
        cluster = clusters.complete(changed(galera={"max_connections": 500 + number}))
        names.append(module.hand_out(cluster))
        assert module.hand_out(cluster) == names[-1]
    folder = tmp_path / "cache/openstack_ha/handed_out"
    files = [one for one in folder.rglob("*") if one.is_file()]
    assert {one.name for one in files} == {"key", *(f"{name}.json" for name in names[-3:])}
    assert {one.stat().st_mode & 0o777 for one in files} == {0o600}
    assert "made-up" not in "".join(one.read_text() for one in files if one.name != "key")


def test_a_node_says_what_it_applied(tmp_path):
    node = load("_modules", "openstack_ha_applied")
    node.PATH = str(tmp_path / "applied")
    assert node.path() == node.PATH
    assert node.last() == {"version": ""}
    (tmp_path / "applied").write_text("0123456789abcdef\n", encoding="utf-8")
    assert node.last() == {"version": "0123456789abcdef"}
