"""One view of a whole cluster while a controller of it is dead, and while another one dies."""

import subprocess
import time

import pytest


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
    assert result.returncode == 1, result
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
    assert result.returncode == 1, result
    assert result.stdout.startswith("demo is dead, VIP 172.29.80.100 on no controller"), result
    assert "\nctl3       no answer\n" in result.stdout
    assert "  - ctl3 did not answer: `salt ctl3 test.ping`" in result.stdout


def test_a_name_is_needed_where_there_are_several_clusters(master, controllers):
    result = master.salt_run_cli().run("openstack_ha.status")
    assert result.returncode == 1
    assert "which of the clusters demo, solo, rings, crowd?" in str(result)


def test_a_controller_that_dies_is_named(status, dying):
    dying.terminate()
    assert status().data["silent"] == ["ctl2", "ctl3"]
