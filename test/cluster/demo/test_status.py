"""One view of a whole cluster while a controller of it is dead, and while another one dies."""

import json
import subprocess
import time

import pytest

# Columns of a terminal, and of a command within backticks that stays whole.
LONGEST = 120


@pytest.fixture
def status(master, controllers, since):
    """Return a function that asks for demo's status; nobody is asked twice for it."""

    def ask():
        begin = time.time()
        result = master.salt_run_cli().run("openstack_ha.status", "demo")
        asked = [event.data["fun"] for event in since(begin, "salt/job/*/new")]
        assert asked.count("openstack_ha.node_status") == 1, asked
        return result

    return ask


@pytest.mark.usefixtures("first_look")
def test_scripts_get_plain_data_and_an_exit_code(status, answered):
    answered("galera", "demo")
    result = status()
    assert result.returncode == 2, result
    data = result.data
    assert data["verdict"] == "dead"
    assert data["silent"] == ["ctl3"]
    assert data["nodes"]["ctl1"]["holds_vip"] is False
    assert "HAProxy does not answer" in data["nodes"]["ctl1"]["haproxy"]
    assert data["nodes"]["ctl3"] is None
    assert data["decisions"]["galera"]["verdict"] == "wait"


def test_people_get_a_table(master, controllers):
    line = master.salt_run_cli().cmdline("openstack_ha.status", "demo")
    # What the tests' own command line asks for, and people do not.
    argv = [word for word in line if not word.startswith("--out")]
    result = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert result.returncode == 2, result
    assert result.stdout.startswith("demo is dead, VIP 172.29.80.100 on no controller"), result
    assert "\nctl3       no answer\n" in result.stdout
    assert "  - ctl3 did not answer: " in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= LONGEST


def test_a_name_is_needed_where_there_are_several_clusters(master, controllers):
    result = master.salt_run_cli().run("openstack_ha.status")
    assert result.returncode == 1
    assert "which of the clusters demo, solo, rings, crowd?" in str(result)


def test_a_controller_that_dies_is_named(status, dying):
    dying.terminate()
    assert status().data["silent"] == ["ctl2", "ctl3"]


def plain(master, *words):
    """What a command shows with --out=json, as a whole."""
    line = master.salt_run_cli().cmdline(*words)
    argv = [word for word in line if not word.startswith("--out")] + ["--out=json"]
    return subprocess.run(argv, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    "words",
    [
        ("openstack_ha.cluster", "nobody"),
        ("openstack_ha_coordinator.plan", "demo", "nothing"),
        ("openstack_ha_galera.recover", "demo", "node=ctl9"),
        ("openstack_ha.cluster",),
    ],
    ids=" ".join,
)
def test_an_error_is_one_text_and_an_exit_code(master, controllers, words):
    result = plain(master, *words)
    assert result.returncode == 1, result
    assert isinstance(json.loads(result.stdout), str), result
    assert "Traceback" not in result.stdout + result.stderr


def test_scripts_get_data_of_a_cluster_whose_keys_nobody_has_accepted(master, controllers):
    result = plain(master, "openstack_ha.status", "crowd")
    assert result.returncode == 2, result
    data = json.loads(result.stdout)
    assert len(data["silent"]) == 201
    assert any("the master has never heard it" in line for line in data["faults"])


def test_a_faulty_file_blinds_nobody(master, cluster_files, controllers, run, status):
    path = cluster_files["demo"]
    good = path.read_text(encoding="utf-8")
    run("openstack_ha.clusters")
    path.write_text(f"{good}\n  name: *broken\n", encoding="utf-8")
    try:
        assert run("openstack_ha_coordinator.plan", "demo", "galera")["decisions"]
        assert "demo" in run("openstack_ha.reconcile", "demo")
        faults = status().data["faults"]
        assert any(line.startswith(f"{path} is broken since ") for line in faults), faults
        # The node's view is what was last without a fault, and its state runs are refused.
        refused = master.salt_cli().run(
            "state.apply", "openstack_ha.hosts", "test=True", minion_tgt="ctl1"
        )
        assert "a value that begins with *" in str(refused), refused
    finally:
        path.write_text(good, encoding="utf-8")
    assert run("openstack_ha.cluster", "demo")["broken"] is None
