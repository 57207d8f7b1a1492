"""The states of RabbitMQ against a real broker; each result is read again from the broker."""

import json
import os
import subprocess
import time
from pathlib import Path

import openstack_ha_rabbitmq_membership as membership
import pytest
from salt.exceptions import CommandExecutionError
from support import not_applied

SERVICE = "rabbitmq-server"
CONFIG = "/etc/rabbitmq/rabbitmq.conf"
NOTHING = {"set": {}, "delete": {"users": [], "policies": []}, "changes": {}}


def rabbitmqctl(*args, **kwargs):
    return subprocess.run(
        ["rabbitmqctl", "--quiet", *args],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        **kwargs,
    )


def rabbitmq_upgrade(step):
    subprocess.run(["rabbitmq-upgrade", step], capture_output=True, timeout=120, check=True)


def users(modules):
    return {user["name"]: user for user in modules.openstack_ha_rabbitmq.definitions()["users"]}


def policies(modules):
    return {policy["name"] for policy in modules.openstack_ha_rabbitmq.definitions()["policies"]}


def secret(modules, name):
    return modules.openstack_ha.secret(f"rabbitmq:users:{name}")


@pytest.fixture
def configured(modules):
    """The package and its configuration are there; nothing is started."""
    for name in ("openstack_ha.hosts", "openstack_ha.rabbitmq.config"):
        assert not_applied(modules.state.sls(name)) == []


@pytest.fixture
def broker(configured, modules):
    """A broker that runs, wherever its peers are."""
    if not modules.openstack_ha_rabbitmq.status()["is_running"]:
        modules.openstack_ha_rabbitmq.start(timeout=120)
    status = modules.openstack_ha_rabbitmq.status()
    assert status["is_running"]
    return status


@pytest.fixture
def fresh(broker):
    """A broker as its first start leaves it: with guest, and with nothing of the pillar's."""
    for user in ("openstack", "health"):
        rabbitmqctl("delete_user", user)
    rabbitmqctl("clear_policy", "openstack_ha_mirrored")
    rabbitmqctl("add_user", "guest", "guest")
    return broker


@pytest.fixture
def defined(broker, states):
    """A broker that has all of the pillar's definitions."""
    assert states.openstack_ha_rabbitmq.definitions_managed(SERVICE).result is True


def test_a_stopped_broker_is_reported_as_stopped(configured, modules):
    modules.service.stop(SERVICE)
    status = modules.openstack_ha_rabbitmq.status()
    assert status["is_running"] is False
    assert status["running_nodes"] == []


def test_status_tells_what_rabbitmqs_own_tool_tells(broker, modules):
    told = json.loads(rabbitmqctl("cluster_status", "--formatter", "json").stdout)
    status = modules.openstack_ha_rabbitmq.status()
    for same in ("cluster_name", "partitions"):
        assert status[same] == told[same]
    for same in ("disk_nodes", "ram_nodes", "running_nodes"):
        assert status[same] == sorted(told[same])
    assert status["version"] == told["versions"][broker["node"]]["rabbitmq_version"]
    for name, versions in told["versions"].items():
        assert status["versions"][name] == versions["rabbitmq_version"]
        assert status["erlang_versions"][name] == versions["erlang_version"]
    for name, listeners in told["listeners"].items():
        ports = {one["port"]: one["protocol"] for one in listeners}
        assert {one["port"]: one["protocol"] for one in status["listeners"][name]} == ports
    assert (status["alarms"], status["maintenance"]) == ([], [])


def test_status_tells_an_alarm_and_maintenance(broker, modules):
    assert rabbitmqctl("set_disk_free_limit", "1000000GB").returncode == 0
    rabbitmq_upgrade("drain")
    try:
        status = modules.openstack_ha_rabbitmq.status()
        assert {"node": broker["node"], "resource": "disk"} in status["alarms"]
        assert status["maintenance"] == [broker["node"]]
    finally:
        rabbitmqctl("set_disk_free_limit", "1GB")
        rabbitmq_upgrade("revive")
    assert modules.openstack_ha_rabbitmq.status()["maintenance"] == []


def test_a_broker_that_refuses_the_cookie_is_unknown_and_not_stopped(broker, modules):
    cookie = Path("/var/lib/rabbitmq/.erlang.cookie")
    before = cookie.read_text()
    cookie.write_text("another")
    try:
        for probe in ("status", "evidence"):
            with pytest.raises(CommandExecutionError, match="did not answer"):
                modules[f"openstack_ha_rabbitmq.{probe}"]()
    finally:
        cookie.write_text(before)
    assert modules.openstack_ha_rabbitmq.status() == broker


def test_member_present_starts_a_stopped_broker(broker, modules, states):
    modules.service.stop(SERVICE)
    would = states.openstack_ha_rabbitmq.member_present(SERVICE, test=True)
    assert would.result is None
    assert broker["node"] in would.changes
    assert modules.openstack_ha_rabbitmq.status()["is_running"] is False

    did = states.openstack_ha_rabbitmq.member_present(SERVICE, timeout=120)
    assert did.result is True, did.comment
    assert list(did.changes) == [broker["node"]]
    assert modules.openstack_ha_rabbitmq.status()["is_running"] is True


@pytest.mark.parametrize("test", [True, False])
def test_member_present_leaves_a_member_alone(broker, states, test):
    ret = states.openstack_ha_rabbitmq.member_present(SERVICE, test=test)
    assert ret.result is True, ret.comment
    assert ret.changes == {}


def test_an_application_that_is_stopped_is_no_running_broker(broker, modules, states):
    # What pause_minority leaves: the Erlang machine runs, the broker in it does not.
    rabbitmqctl("stop_app")
    try:
        assert modules.openstack_ha_rabbitmq.status()["is_running"] is False
        ret = states.openstack_ha_rabbitmq.member_present(SERVICE, timeout=1)
        assert ret.result is False
        assert "does not run" in ret.comment
    finally:
        rabbitmqctl("start_app")


def test_definitions_managed_in_test_mode_changes_nothing(fresh, modules, states):
    before = modules.openstack_ha_rabbitmq.definitions()
    ret = states.openstack_ha_rabbitmq.definitions_managed(SERVICE, test=True)
    assert ret.result is None
    assert ret.changes == modules.openstack_ha_rabbitmq.pending()["changes"]
    assert ret.changes["user guest"]["new"] is None
    assert modules.openstack_ha_rabbitmq.definitions() == before


def test_definitions_managed_defines_what_the_pillar_says(fresh, modules, states):
    would = states.openstack_ha_rabbitmq.definitions_managed(SERVICE, test=True)
    did = states.openstack_ha_rabbitmq.definitions_managed(SERVICE)
    assert did.result is True, did.comment
    assert did.changes == would.changes
    assert "guest" not in users(modules)
    assert users(modules)["health"]["tags"] == ["monitoring"]
    mirrored = modules.openstack_ha_rabbitmq.queue_type() == "mirrored"
    assert ("openstack_ha_mirrored" in policies(modules)) == mirrored
    for name in ("openstack", "health"):
        assert rabbitmqctl("authenticate_user", name, input=secret(modules, name)).returncode == 0

    again = states.openstack_ha_rabbitmq.definitions_managed(SERVICE)
    assert again.result is True
    assert again.changes == {}


def test_a_password_that_drifted_is_mended(defined, modules, states):
    rabbitmqctl("change_password", "openstack", "somebody-elses")
    would = states.openstack_ha_rabbitmq.definitions_managed(SERVICE, test=True)
    assert would.result is None
    assert would.changes["user openstack"]["old"]["password"] == "another one"

    did = states.openstack_ha_rabbitmq.definitions_managed(SERVICE)
    assert did.changes == would.changes
    password = secret(modules, "openstack")
    assert rabbitmqctl("authenticate_user", "openstack", input=password).returncode == 0
    assert rabbitmqctl("authenticate_user", "openstack", input="somebody-elses").returncode != 0


def test_foreign_users_stay(defined, modules, states):
    rabbitmqctl("add_user", "theirs", "their-password")
    try:
        ret = states.openstack_ha_rabbitmq.definitions_managed(SERVICE)
        assert ret.changes == {}
        assert "theirs" in users(modules)
    finally:
        rabbitmqctl("delete_user", "theirs")


def test_no_secret_is_returned(fresh, modules, states):
    returned = [
        modules.openstack_ha_rabbitmq.pending(),
        modules.openstack_ha_rabbitmq.definitions(),
        states.openstack_ha_rabbitmq.definitions_managed(SERVICE, test=True).raw,
        states.openstack_ha_rabbitmq.definitions_managed(SERVICE).raw,
    ]
    text = json.dumps(returned)
    assert '"password_hash"' not in text
    for name in ("openstack", "health"):
        assert secret(modules, name) not in text


def test_a_stopped_broker_lacks_everything(broker, modules, states):
    modules.service.stop(SERVICE)
    try:
        would = states.openstack_ha_rabbitmq.definitions_managed(SERVICE, series="3.10", test=True)
        assert would.result is None
        assert "user openstack" in would.changes
        did = states.openstack_ha_rabbitmq.definitions_managed(SERVICE, series="3.10")
        assert did.result is False
        assert "does not run" in did.comment
    finally:
        modules.openstack_ha_rabbitmq.start()


def test_deleting_what_is_gone_is_no_error(broker, modules):
    assert modules.openstack_ha_rabbitmq.delete_user("nobody") is False
    assert modules.openstack_ha_rabbitmq.clear_policy("nothing") is False


def test_a_newer_configuration_asks_for_a_restart(broker, modules, states):
    arguments = {"name": SERVICE, "files": [CONFIG]}
    assert states.openstack_ha_rabbitmq.config_loaded(**arguments).changes == {}
    time.sleep(1.1)  # Starts and changes are told apart by whole seconds.
    os.utime(CONFIG)
    process = Path(f"/proc/{main_pid(modules)}")

    would = states.openstack_ha_rabbitmq.config_loaded(**arguments, test=True)
    assert would.result is None
    assert process.exists()

    did = states.openstack_ha_rabbitmq.config_loaded(**arguments)
    if len(broker["disk_nodes"]) == 1:
        assert did.result is True, did.comment
        assert did.changes == would.changes
        assert not process.exists()
    assert modules.openstack_ha_rabbitmq.status()["is_running"] is True
    assert modules.openstack_ha_rabbitmq.status()["maintenance"] == []
    assert states.openstack_ha_rabbitmq.config_loaded(**arguments).changes == {}


def test_evidence_tells_a_broker_that_runs_from_one_that_is_stopped(broker, modules):
    found = modules.openstack_ha_rabbitmq.evidence()
    assert set(found) == membership.KEYS
    assert (found["unit"], found["is_running"], found["is_blank"]) == ("active", True, False)
    assert found["members"] == found["running"] == [broker["node"]]

    modules.service.stop(SERVICE)
    found = modules.openstack_ha_rabbitmq.evidence()
    assert (found["is_running"], found["is_blank"], found["is_paused"]) == (False, False, False)
    assert found["members"] == [broker["node"]]
    modules.openstack_ha_rabbitmq.launch()
    modules.openstack_ha_rabbitmq.start()


def test_a_stopped_application_is_a_pause_and_resumes(broker, modules):
    rabbitmqctl("stop_app")
    assert modules.openstack_ha_rabbitmq.evidence()["is_paused"] is True
    assert modules.openstack_ha_rabbitmq.resume()["is_running"] is True
    with pytest.raises(CommandExecutionError, match="not paused"):
        modules.openstack_ha_rabbitmq.resume()


def test_a_machine_without_a_running_broker_is_started_anew(broker, modules):
    rabbitmqctl("stop_app")
    modules.openstack_ha_rabbitmq.relaunch()
    # Joins the restart, which is under way, and ends with it.
    modules.openstack_ha_rabbitmq.start()
    assert modules.openstack_ha_rabbitmq.evidence()["is_running"] is True
    with pytest.raises(CommandExecutionError, match="runs; nothing was done"):
        modules.openstack_ha_rabbitmq.relaunch()


def test_a_broker_without_a_database_does_not_start_by_itself(broker, modules):
    moved = Path(modules.openstack_ha_rabbitmq.set_aside(broker["node"])["moved_to"])
    assert (moved / broker["node"] / "schema.DAT").exists()
    try:
        subprocess.run(["systemctl", "start", SERVICE], check=True, timeout=60)
        found = modules.openstack_ha_rabbitmq.evidence()
        assert found["is_blank"] is True
        assert found["unit"] in ("inactive", "failed")
        for step in ("launch", "join", "rejoin_forgotten"):
            with pytest.raises(CommandExecutionError):
                modules[f"openstack_ha_rabbitmq.{step}"]()
    finally:
        assert modules.openstack_ha_rabbitmq.form()["is_running"] is True
    assert modules.openstack_ha_rabbitmq.pending()["changes"] == {}
    assert not Path("/run/openstack_ha/rabbitmq-may-be-blank").exists()


def test_a_quorum_queue_that_has_its_replicas_does_not_grow(broker, modules):
    assert modules.openstack_ha_rabbitmq.grow() == {"grown": False}


@pytest.mark.parametrize("step", ["set_aside", "force_boot"])
def test_a_step_that_costs_data_wants_the_brokers_name(broker, modules, step):
    with pytest.raises(CommandExecutionError, match="nothing was done"):
        modules[f"openstack_ha_rabbitmq.{step}"]("rabbit@somebody")
    assert modules.openstack_ha_rabbitmq.status()["is_running"] is True


def test_forced_is_only_a_broker_that_does_not_run(broker, modules):
    with pytest.raises(CommandExecutionError, match="runs already"):
        modules.openstack_ha_rabbitmq.force_boot(broker["node"])
    modules.service.stop(SERVICE)
    assert modules.openstack_ha_rabbitmq.force_boot(broker["node"])["is_running"] is True


def test_rejoin_wants_the_brokers_name_and_a_peer(broker, modules):
    with pytest.raises(Exception, match="nothing was done"):
        modules.openstack_ha_rabbitmq.rejoin("rabbit@somebody")
    with pytest.raises(Exception, match="nothing was done"):
        modules.openstack_ha_rabbitmq.rejoin(broker["node"])
    assert modules.openstack_ha_rabbitmq.status()["is_running"] is True


def main_pid(modules):
    return modules.service.show(SERVICE)["MainPID"]
