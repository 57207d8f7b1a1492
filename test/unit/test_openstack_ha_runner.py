"""The cluster as the master knows it: files, the schedule's look, status and secrets."""

import openstack_ha_cluster
import pytest
import yaml
from runners import Master, Nodes
from salt.exceptions import SaltRunnerError
from support import example, write_cluster

CONTROLLERS = ("ctl1", "ctl2", "ctl3")


class Everything(Nodes):
    """What openstack_ha.evidence and node_status return."""

    def __init__(self):
        super().__init__(CONTROLLERS)
        self.said = {}

    def evidence(self, node):
        return self.said

    def node_status(self, node):
        raise AssertionError("nobody answers")


@pytest.fixture
def master(tmp_path):
    return Master(tmp_path, Everything())


def test_secrets_go_to_a_new_file_of_the_owner_and_nowhere_else(master, tmp_path):
    source = tmp_path / "bare.yaml"
    cluster = example()
    del cluster["secrets"]
    write_cluster(source, cluster)
    path = tmp_path / "secrets.yaml"
    told = master.run("openstack_ha.secrets", str(source), str(path))
    assert told == str(path)
    assert path.stat().st_mode & 0o777 == 0o600
    text = path.read_text(encoding="utf-8")
    made = yaml.safe_load(text)["secrets"]
    assert len(made["rabbitmq"]["erlang_cookie"]) >= 12
    # It belongs at the end of the cluster file as it is, PEM blocks and all.
    whole = yaml.safe_load(source.read_text(encoding="utf-8") + text)
    assert whole["openstack_ha"]["secrets"] == made
    before = path.read_bytes()
    with pytest.raises(SaltRunnerError, match="exists; name a new file"):
        master.run("openstack_ha.secrets", str(source), str(path))
    assert path.read_bytes() == before


def test_secrets_go_where_the_masters_user_may_write(master, tmp_path):
    place = tmp_path / "nowhere" / "secrets.yaml"
    with pytest.raises(
        SaltRunnerError, match="cannot be written by .*, the master's user: No such"
    ):
        master.run("openstack_ha.secrets", str(tmp_path / "cluster.yaml"), str(place))


def test_a_schedule_without_a_cluster_file_says_so_and_ends(master, tmp_path, caplog):
    """As between the master's configuration and its first secrets; a person is told at once."""
    (tmp_path / "cluster.yaml").unlink()
    for function in ("openstack_ha.reconcile", "openstack_ha_rejoin.reconcile"):
        caplog.clear()
        assert master.run(function) == {}
        assert "nothing is looked after: " in caplog.text
        assert "there is no cluster file" in caplog.text
        with pytest.raises(SaltRunnerError, match="there is no cluster 'demo'"):
            master.run(function, "demo")
    with pytest.raises(SaltRunnerError, match="there is no cluster file"):
        master.run("openstack_ha.clusters")


def idle(master, **answers):
    """Return what the schedule rings for when systems answer so, and what they were shown."""
    shown = {}

    def is_idle(name, system, seen):
        shown[system] = seen
        return answers.get(system, True)

    master.functions["openstack_ha_coordinator.is_idle"] = is_idle
    return master.run("openstack_ha.reconcile"), shown


def test_the_schedule_rings_only_where_something_is_to_be_done(master):
    rung, shown = idle(master, galera=False, rabbitmq=None)
    assert rung == {"demo": ["galera"]}
    assert master.events == [("openstack_ha/demo/galera/doorbell", {})]
    assert set(shown) == {
        "galera",
        "rabbitmq",
        "keystone",
        "db_sync",
        "nova_network",
        "nova",
        "swift",
        "keepalived",
        "nova_builds",
        "turn",
    }
    asked = [fun for _nodes, fun, _arguments in master.sent]
    assert asked == ["openstack_ha.evidence"], "each node is asked once"
    assert shown["galera"]["begun"] == master.clock.now


def test_a_rule_that_fails_leaves_the_others_their_look(master):
    def is_idle(name, system, seen):
        if system == "galera":
            raise KeyError("a fault of the rule")
        return system != "turn"

    master.functions["openstack_ha_coordinator.is_idle"] = is_idle
    assert master.run("openstack_ha.reconcile") == {"demo": ["turn"]}


def test_each_system_sees_what_its_own_nodes_say_of_it(master):
    master.nodes.said = {"galera": {"server": "running"}, "rabbitmq": "no broker"}
    master.nodes.silent = {"ctl3"}
    _rung, shown = idle(master)
    assert shown["galera"]["found"] == {
        "ctl1": {"server": "running"},
        "ctl2": {"server": "running"},
        "ctl3": None,
    }
    error = {"error": "no broker"}
    assert shown["rabbitmq"]["found"] == {"ctl1": error, "ctl2": error, "ctl3": None}
    # Nothing at all is no evidence.
    assert shown["keystone"]["found"] == dict.fromkeys(CONTROLLERS)
    assert set(shown["swift"]["found"]) > {"sto1"}


def test_a_node_that_hangs_holds_the_schedule_up_for_a_while_only(master):
    class Working:
        def cmd(self, *args, **kwargs):
            raise AssertionError("it would be waited for as long as it says that it works")

        def cmd_iter_no_block(self, *args, **kwargs):
            while True:
                yield {}

        def __enter__(self):
            return self

        def __exit__(self, *exc):
            return None

    members = master.modules["_runners", "openstack_ha_members"]
    members.salt.client.get_local_client = lambda _file: Working()
    begin = master.clock.now
    _rung, shown = idle(master)
    assert shown["galera"]["found"] == dict.fromkeys(CONTROLLERS)
    assert 20 <= master.clock.now - begin < 25


def faulty(folder):
    cluster = example()
    cluster["vip"]["address"] = "10.0.0.1"
    return write_cluster(folder / "cluster.yaml", cluster)


def test_a_cluster_file_that_never_was_good_is_not_used(master, tmp_path):
    path = faulty(tmp_path)
    with pytest.raises(SaltRunnerError, match=f"{path}: .*10.0.0.1 lies outside"):
        master.run("openstack_ha.clusters")
    with pytest.raises(SaltRunnerError, match="no cluster 'demo'; none can be read; .*10.0.0.1"):
        master.run("openstack_ha.cluster", "demo")


@pytest.mark.parametrize("breaks", ["a fault", "no YAML", "no file"])
def test_a_faulty_file_blinds_nobody(master, tmp_path, breaks):
    good = master.run("openstack_ha.cluster", "demo")
    assert good["broken"] is None
    path = tmp_path / "cluster.yaml"
    text = path.read_text(encoding="utf-8")
    broken_at = master.clock.now
    if breaks == "a fault":
        faulty(tmp_path)
    elif breaks == "no YAML":
        path.write_text(text + "  name: *secret\n", encoding="utf-8")
    else:
        path.unlink()
    master.nodes.silent = set(master.minions)
    for _look in range(2):
        now = master.run("openstack_ha.cluster", "demo")
        assert now["vip"]["address"] == good["vip"]["address"]
        assert now["broken"]["since"] == broken_at
        assert now["broken"]["faults"]
        master.clock.now += 600
    assert set(master.run("openstack_ha.reconcile")) == {"demo"}
    assert master.run("openstack_ha_coordinator.plan", "demo", "galera")["data"]["decisions"]
    faults = master.run("openstack_ha.status")["data"]["faults"]
    assert any(str(path) in str(one) and "since" in str(one) for one in faults), faults
    path.write_text(text + "# mended\n", encoding="utf-8")
    assert master.run("openstack_ha.cluster", "demo")["broken"] is None
    master.clock.now += 600
    faulty(tmp_path)
    assert master.run("openstack_ha.cluster", "demo")["broken"]["since"] == master.clock.now


def test_what_is_kept_of_a_file_is_the_masters_alone(master, tmp_path):
    path = tmp_path / "cluster.yaml"
    path.chmod(0o644)
    master.run("openstack_ha.clusters")
    folder = tmp_path / "cache/openstack_ha/files"
    (copy,) = folder.iterdir()
    # As it is: what is encrypted in it stays so.
    assert copy.read_bytes() == path.read_bytes()
    assert folder.stat().st_mode & 0o777 == 0o700
    faulty(tmp_path)
    master.run("openstack_ha.clusters")
    modes = {one.stat().st_mode & 0o777 for one in folder.iterdir()}
    assert (len(list(folder.iterdir())), modes) == (2, {0o600})
    assert "made-up" not in "".join(one.read_text() for one in folder.glob("*.json"))


def test_two_files_that_claim_the_same_are_told_and_not_used(master, tmp_path):
    second = write_cluster(tmp_path / "second.yaml", {**example(), "name": "demo"})
    options = master.modules["_runners", "openstack_ha"].__opts__
    options["ext_pillar"].append({"openstack_ha": str(second)})
    found = master.run("openstack_ha.check")["data"]
    assert found["retcode"] == 1
    assert found["files"][str(second)]["faults"]
    # The first one is used.
    assert master.run("openstack_ha.clusters")["demo"]["file"] == str(tmp_path / "cluster.yaml")
    options["ext_pillar"] = []
    with pytest.raises(SaltRunnerError, match="ext_pillar names no openstack_ha cluster file"):
        master.run("openstack_ha.files")


def test_a_status_of_silent_nodes_is_dead_and_has_the_last_decisions(master):
    master.nodes.silent = set(master.minions)
    decision = {"verdict": "wait", "nodes": [], "why": "ctl3 did not answer", "way_out": None}
    master.run("openstack_ha_record.decided", "demo", "galera", decision, {})
    shown = master.run("openstack_ha.status")
    assert shown["outputter"] == "openstack_ha_status"
    data = shown["data"]
    assert (data["verdict"], data["retcode"]) == ("dead", 2)
    # Whatever its roles, each node is asked.
    assert set(data["silent"]) == set(master.minions) > {*CONTROLLERS, "cmp1", "sto1"}
    assert data["decisions"]["galera"]["why"] == "ctl3 did not answer"
    assert {"galera", "rabbitmq", "keystone", "nova.progress"} < set(data["decisions"])


@pytest.mark.parametrize("left_out", ["nothing", "horizon"])
def test_the_master_knows_of_every_system_that_a_node_has(master, tmp_path, left_out):
    """What it did not know of would never get its turn, and each highstate would wait for that."""
    source = example()
    source.pop(left_out, None)
    write_cluster(tmp_path / "cluster.yaml", source)
    whole, known = (
        openstack_ha_cluster.complete(source),
        master.run("openstack_ha.clusters")["demo"],
    )
    assert "horizon" in openstack_ha_cluster.all_systems(whole) or left_out == "horizon"
    for node in whole["nodes"]:
        systems = openstack_ha_cluster.systems(whole, node)
        assert openstack_ha_cluster.systems(known, node) == systems, node


def test_a_runner_learns_no_secret(master):
    told = repr(master.run("openstack_ha.clusters"))
    assert "made-up" not in told
    assert master.run("openstack_ha.cluster", "demo")["swift"]["owner"] == "sto1"


def test_a_status_knows_what_time_it_is(master):
    probes = dict.fromkeys(("holds_vip", "galera", "rabbitmq", "haproxy"), "cannot be asked")
    ends = {"/etc/x.pem": master.clock.now - 500_000}
    master.nodes.node_status = lambda node: {**probes, "certificates": ends}
    faults = master.run("openstack_ha.status")["data"]["faults"]
    assert any("the certificate of ctl1 ended" in str(one) for one in faults)


def test_a_status_asks_compute_nodes_too(master):
    master.nodes.node_status = lambda node: {"networks": f"{node} has no `ip`"}
    faults = master.run("openstack_ha.status")["data"]["faults"]
    assert any("networks of cmp2 is unknown: cmp2 has no `ip`" in str(one) for one in faults)
