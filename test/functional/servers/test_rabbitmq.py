"""The states of RabbitMQ against a real broker; each result is read again from the broker."""

import json
import socket
import subprocess
from pathlib import Path

import openstack_ha_rabbitmq_membership as membership
import pytest
from salt.exceptions import CommandExecutionError
from support import not_applied

SERVICE = "rabbitmq-server"
BROKER = "rabbit@ctl1"
CONFIG = "/etc/rabbitmq/rabbitmq.conf"


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


def secret(modules, name):
    return modules.openstack_ha.secret(f"rabbitmq:users:{name}")


def is_serving(address):
    """Whether a broker takes connections; one whose application is stopped does not."""
    try:
        socket.create_connection((str(address.ip), 5672), 5).close()
    except OSError:
        return False
    return True


@pytest.fixture(scope="module")
def configured(modules):
    """The package and its configuration are there; nothing is started."""
    assert not_applied(modules.state.sls("openstack_ha.rabbitmq.config")) == []


@pytest.fixture
def broker(configured, modules, address):
    """The name of a broker that runs, wherever its peers are."""
    if not is_serving(address):
        if modules.service.status(SERVICE):
            rabbitmqctl("start_app")
        assert modules.openstack_ha_rabbitmq.start()["is_running"]
    return BROKER


@pytest.fixture
def paused(broker):
    """What pause_minority leaves: the Erlang machine runs, the broker in it does not."""
    assert rabbitmqctl("stop_app").returncode == 0
    return broker


@pytest.fixture
def stopped(configured, modules):
    """The name of a broker that has run once, and does not now."""
    if modules.openstack_ha_rabbitmq_database.is_blank():
        modules.openstack_ha_rabbitmq.start()
    modules.service.stop(SERVICE)
    return BROKER


# As a broker's first start leaves it: with guest, and with nothing of the pillar's.
FIRST_START = """
U = <<"test">>,
[rabbit_auth_backend_internal:delete_user(N, U) || N <- [<<"openstack">>, <<"health">>],
    rabbit_auth_backend_internal:exists(N)],
rabbit_policy:delete(<<"/">>, <<"openstack_ha_mirrored">>, U),
rabbit_auth_backend_internal:exists(<<"guest">>) orelse
    rabbit_auth_backend_internal:add_user(<<"guest">>, <<"guest">>, U).
"""


@pytest.fixture
def fresh(broker):
    made = rabbitmqctl("eval", input=FIRST_START)
    assert made.returncode == 0, made
    return broker


@pytest.fixture
def defined(broker, states):
    """A broker that has all of the pillar's definitions."""
    assert states.openstack_ha_rabbitmq.definitions_managed(SERVICE).result is True


def test_status_tells_what_rabbitmqs_own_tool_tells(broker, modules):
    told = json.loads(rabbitmqctl("cluster_status", "--formatter", "json").stdout)
    status = modules.openstack_ha_rabbitmq.status()
    for same in ("cluster_name", "partitions"):
        assert status[same] == told[same]
    for same in ("disk_nodes", "ram_nodes", "running_nodes"):
        assert status[same] == sorted(told[same])
    assert status["version"] == told["versions"][broker]["rabbitmq_version"]
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
        assert {"node": broker, "resource": "disk"} in status["alarms"]
        assert status["maintenance"] == [broker]
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
    assert modules.openstack_ha_rabbitmq.status()["is_running"] is True


@pytest.mark.parametrize("test", [True, False])
def test_member_present_leaves_a_member_alone(broker, states, test):
    ret = states.openstack_ha_rabbitmq.member_present("demo", test=test)
    assert ret.result is True, ret.comment
    assert ret.changes == {}


def test_a_stopped_application_is_a_pause_and_resumes(paused, modules, states):
    assert modules.openstack_ha_rabbitmq.status()["is_running"] is False
    ret = states.openstack_ha_rabbitmq.member_present("demo", patience=1)
    assert ret.result is False
    assert "does not run" in ret.comment
    assert modules.openstack_ha_rabbitmq.evidence()["is_paused"] is True
    assert modules.openstack_ha_rabbitmq.resume()["is_running"] is True
    with pytest.raises(CommandExecutionError, match="not paused"):
        modules.openstack_ha_rabbitmq.resume()


def test_definitions_in_both_modes(fresh, modules, states):
    before = modules.openstack_ha_rabbitmq_definitions.export()
    pending = modules.openstack_ha_rabbitmq_definitions.pending()
    would = states.openstack_ha_rabbitmq.definitions_managed(SERVICE, test=True)
    assert would.result is None
    assert would.changes == pending["changes"]
    assert would.changes["user guest"]["new"] is None
    assert modules.openstack_ha_rabbitmq_definitions.export() == before

    did = states.openstack_ha_rabbitmq.definitions_managed(SERVICE)
    assert did.result is True, did.comment
    assert did.changes == would.changes
    after = modules.openstack_ha_rabbitmq_definitions.export()
    users = {user["name"]: user for user in after["users"]}
    assert "guest" not in users
    assert users["health"]["tags"] == ["monitoring"]
    is_mirrored = modules.openstack_ha_rabbitmq_definitions.queue_type() == "mirrored"
    policies = {policy["name"] for policy in after["policies"]}
    assert ("openstack_ha_mirrored" in policies) == is_mirrored
    for name in ("openstack", "health"):
        assert rabbitmqctl("authenticate_user", name, input=secret(modules, name)).returncode == 0

    again = states.openstack_ha_rabbitmq.definitions_managed(SERVICE)
    assert (again.result, again.changes) == (True, {})

    text = json.dumps([before, pending, after, would.raw, did.raw])
    assert '"password_hash"' not in text
    assert not [one for one in ("openstack", "health") if secret(modules, one) in text]


def test_a_password_that_drifted_is_mended(defined, modules, states):
    rabbitmqctl("change_password", "openstack", "somebody-elses")
    would = states.openstack_ha_rabbitmq.definitions_managed(SERVICE, test=True)
    assert would.result is None
    assert would.changes["user openstack"]["old"]["password"] == "another one"

    did = states.openstack_ha_rabbitmq.definitions_managed(SERVICE)
    assert did.changes == would.changes
    password = secret(modules, "openstack")
    assert rabbitmqctl("authenticate_user", "openstack", input=password).returncode == 0


def test_foreign_users_stay(defined, modules, states):
    rabbitmqctl("add_user", "theirs", "their-password")
    try:
        ret = states.openstack_ha_rabbitmq.definitions_managed(SERVICE)
        assert ret.changes == {}
        users = modules.openstack_ha_rabbitmq_definitions.export()["users"]
        assert "theirs" in {user["name"] for user in users}
    finally:
        rabbitmqctl("delete_user", "theirs")


def test_deleting_what_is_gone_is_no_error(broker, modules):
    assert modules.openstack_ha_rabbitmq_definitions.delete_user("nobody") is False
    assert modules.openstack_ha_rabbitmq_definitions.clear_policy("nothing") is False


def test_another_configuration_asks_for_a_turn(broker, modules, states):
    arguments = {"name": "rabbitmq", "cluster": "demo"}
    assert states.openstack_ha_turn.renewed(**arguments).changes == {}
    with open(CONFIG, "a", encoding="utf-8") as config:
        config.write("# Another line.\n")
    process = Path(f"/proc/{main_pid(modules)}")

    would = states.openstack_ha_turn.renewed(**arguments, test=True)
    assert would.result is None
    assert process.exists()

    did = states.openstack_ha_turn.renewed(**arguments)
    assert did.result is True, did.comment
    assert did.changes == would.changes
    assert not process.exists()
    assert modules.openstack_ha_rabbitmq_turn.serves() is True
    assert states.openstack_ha_turn.renewed(**arguments).changes == {}


def test_a_drained_broker_does_not_serve_until_it_is_revived(broker, modules):
    modules.openstack_ha_rabbitmq_turn.drain()
    assert modules.openstack_ha_rabbitmq_turn.serves() is False
    assert "is in maintenance" in modules.openstack_ha_rabbitmq_turn.obstacle()
    modules.openstack_ha_rabbitmq_turn.revive()
    assert modules.openstack_ha_rabbitmq_turn.serves() is True
    assert modules.openstack_ha_rabbitmq_turn.obstacle() is None


def test_evidence_of_a_broker_that_runs(broker, modules):
    found = modules.openstack_ha_rabbitmq.evidence()
    assert set(found) == set(membership.SHAPE)
    assert (found["unit"], found["is_running"], found["is_blank"]) == ("active", True, False)
    assert found["members"] == found["running"] == [broker]


def test_a_machine_without_a_running_broker_is_started_anew(paused, modules):
    modules.openstack_ha_rabbitmq.relaunch()
    # Joins the restart, which is under way, and ends with it.
    modules.openstack_ha_rabbitmq.start()
    assert modules.openstack_ha_rabbitmq.evidence()["is_running"] is True
    with pytest.raises(CommandExecutionError, match="runs; nothing was done"):
        modules.openstack_ha_rabbitmq.relaunch()


def test_a_broker_without_a_database_does_not_start_by_itself(broker, modules):
    moved = Path(modules.openstack_ha_rabbitmq_database.set_aside(broker)["moved_to"])
    assert (moved / broker / "schema.DAT").exists()
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
    assert modules.openstack_ha_rabbitmq_definitions.pending()["changes"] == {}
    assert not Path("/run/openstack_ha/rabbitmq-may-be-blank").exists()
    assert (moved / broker / "schema.DAT").exists(), "it stays where it was set aside"


def test_a_blank_broker_of_the_one_node_forms_the_cluster_without_a_master(broker, modules, states):
    modules.openstack_ha_rabbitmq_database.set_aside(broker)
    did = states.openstack_ha_rabbitmq.member_present("demo")
    assert did.result is True, did.comment
    found = modules.openstack_ha_rabbitmq.evidence()
    assert found["is_running"] is True
    assert found["cluster"].startswith("rabbitmq-cluster-id-")


def test_a_quorum_queue_that_has_its_replicas_does_not_grow(broker, modules):
    assert modules.openstack_ha_rabbitmq.grow() == {"grown": False}


@pytest.mark.parametrize("step", ["_database.set_aside", ".force_boot", ".rejoin"])
def test_a_step_that_costs_data_wants_the_brokers_name(broker, modules, step, address):
    process = main_pid(modules)
    with pytest.raises(CommandExecutionError, match="nothing was done"):
        modules[f"openstack_ha_rabbitmq{step}"]("rabbit@somebody")
    assert main_pid(modules) == process
    assert is_serving(address)


def test_rejoin_wants_a_peer(broker, modules, address):
    process = main_pid(modules)
    with pytest.raises(CommandExecutionError, match="nothing was done"):
        modules.openstack_ha_rabbitmq.rejoin(broker)
    assert main_pid(modules) == process
    assert is_serving(address)


def test_a_stopped_broker_is_reported_as_stopped(stopped, modules):
    status = modules.openstack_ha_rabbitmq.status()
    assert (status["is_running"], status["running_nodes"]) == (False, [])
    found = modules.openstack_ha_rabbitmq.evidence()
    assert (found["is_running"], found["is_blank"], found["is_paused"]) == (False, False, False)
    assert found["members"] == [stopped]
    assert found["running_at_shutdown"] == [stopped], "it was alone"


def test_a_stopped_broker_lacks_everything(stopped, states):
    would = states.openstack_ha_rabbitmq.definitions_managed(SERVICE, series="3.10", test=True)
    assert would.result is None
    assert "user openstack" in would.changes
    did = states.openstack_ha_rabbitmq.definitions_managed(SERVICE, series="3.10")
    assert did.result is False
    assert "does not run" in did.comment


def test_forced_is_only_a_broker_that_does_not_run(stopped, modules):
    assert modules.openstack_ha_rabbitmq.force_boot(stopped)["is_running"] is True
    with pytest.raises(CommandExecutionError, match="runs already"):
        modules.openstack_ha_rabbitmq.force_boot(stopped)


def test_a_launched_broker_is_waited_for(stopped, modules):
    modules.openstack_ha_rabbitmq.launch()
    assert modules.openstack_ha_rabbitmq.start()["is_running"] is True


def test_member_present_starts_a_stopped_broker(stopped, modules, states):
    would = states.openstack_ha_rabbitmq.member_present("demo", test=True)
    assert would.result is None
    assert stopped in would.changes
    assert modules.openstack_ha_rabbitmq.status()["is_running"] is False

    did = states.openstack_ha_rabbitmq.member_present("demo", patience=120)
    assert did.result is True, did.comment
    assert list(did.changes) == [stopped]
    assert modules.openstack_ha_rabbitmq.status()["is_running"] is True


def main_pid(modules):
    return modules.service.show(SERVICE)["MainPID"]
