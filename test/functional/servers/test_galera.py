"""A real MariaDB server: evidence, the master's steps, and accounts in both modes."""

import contextlib
import json
import pathlib
import shutil
import subprocess

import pymysql
import pytest
from support import not_applied

DATADIR = pathlib.Path("/var/lib/mysql")
CONFIG = pathlib.Path("/etc/mysql/mariadb.conf.d/99-openstack_ha.cnf")

CONFIG_CHECK = "/usr/libexec/openstack_ha/check-mariadb-config"


@pytest.fixture(scope="module")
def configured(modules):
    assert not_applied(modules.state.sls("openstack_ha.galera.config")) == []


@contextlib.contextmanager
def aside(*paths):
    """Put files and folders out of the way, and back again."""
    moved = {path: path.with_name(f"{path.name}.aside") for path in paths if path.exists()}
    for path, other in moved.items():
        move(path, other)
    yield
    for path, other in moved.items():
        if path.is_dir():
            shutil.rmtree(path)
        move(other, path)


def move(path, other):
    """As mv does, which copies what is of an image's layer and cannot be renamed."""
    subprocess.run(["mv", "--no-target-directory", path, other], check=True)


@pytest.fixture
def unconfigured(modules):
    """The server as its package leaves it, whatever has been made of it before."""
    assert not_applied(modules.state.sls("openstack_ha.galera.install")) == []
    if not CONFIG.exists():
        yield
        return
    stop()
    with aside(DATADIR, CONFIG):
        make = ["mariadb-install-db", "--user=mysql", "--skip-test-db"]
        subprocess.run(make, check=True, capture_output=True)
        yield


def stop():
    subprocess.run(["systemctl", "stop", "mariadb"], check=True)


@pytest.fixture
def down(modules, configured):
    """A server that does not run."""
    stop()
    return modules.openstack_ha_galera


@pytest.fixture
def server(modules, configured):
    """A Synced cluster of one."""
    if modules.openstack_ha_galera.server() != "running":
        modules.openstack_ha_galera.bootstrap(modules.openstack_ha_galera.evidence()["position"])
    return modules.openstack_ha_galera


@pytest.fixture
def root_connection(server):
    with pymysql.connect(unix_socket="/run/mysqld/mysqld.sock", user="root", autocommit=True) as it:
        yield it


def _query(connection, sql):
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchall()


def test_an_unconfigured_server_stays_down_and_knows_that_it_is_empty(unconfigured, modules):
    # What a package does with its service when it is installed.
    subprocess.run(["systemctl", "start", "mariadb"], check=True)
    assert modules.openstack_ha_galera.server() == "stopped"
    evidence = modules.openstack_ha_galera.evidence()
    assert (evidence["is_ready"], evidence["is_pristine"]) == (False, True)


def test_member_present_names_what_it_would_do(states, down):
    result = states.openstack_ha_galera.member_present(name="demo", test=True)
    assert result.result is None
    assert result.changes == {"member": {"old": "stopped", "new": "Synced"}}


def test_member_present_gives_up_in_time_without_a_word(loaders, of_a_master, down):
    states = of_a_master(loaders)
    result = states["openstack_ha_galera.member_present"](name="demo", patience=1)
    assert result["result"] is False
    assert "the master gave no word" in result["comment"]
    assert down.server() == "stopped"


def test_member_present_repeats_the_masters_refusal(loaders, of_a_master, down):
    states = of_a_master(loaders)
    # Said later than whatever moment the state begins to listen at.
    refusal = {"verdict": "refuse", "why": "no peer", "way_out": "a runbook", "time": 9999999999}
    said = pathlib.Path("/run/openstack_ha/galera.json")
    said.parent.mkdir(exist_ok=True)
    said.write_text(json.dumps(refusal), encoding="utf-8")
    try:
        result = states["openstack_ha_galera.member_present"](name="demo", patience=600)
    finally:
        said.unlink()
    assert result["result"] is False
    assert result["comment"].startswith("The master refused: no peer. a runbook.")
    assert "salt-run openstack_ha_coordinator.plan demo galera" in result["comment"]


def test_bootstrap_makes_a_synced_member(server, states):
    status = server.status()
    assert status["is_synced"]
    assert status["wsrep"]["cluster_size"] == 1
    shown = subprocess.run(["systemctl", "show-environment"], capture_output=True, check=True)
    assert b"wsrep-new-cluster" not in shown.stdout
    for test in (True, False):
        result = states.openstack_ha_galera.member_present(name="demo", test=test)
        assert (result.result, result.changes) == (True, {})


def test_a_primary_server_does_not_stand_down(server):
    with pytest.raises(Exception, match="it was not stopped"):
        server.stand_down()
    assert server.status()["is_synced"]


def test_bootstrap_refuses_over_a_running_server(server):
    with pytest.raises(Exception, match="nothing was done"):
        server.bootstrap(None)


def test_accounts_in_both_modes(server, states, cluster, address, root_connection):
    # Of systems that run here, without a word of the pillar.
    services = ("keystone", "placement")
    for account in ("health", "probe", *services):
        _query(root_connection, f"DROP USER IF EXISTS {account}@'{_host(address)}'")
    for database in ("probe", *services):
        _query(root_connection, f"DROP DATABASE IF EXISTS {database}")
    expected = {
        *("database probe", "account probe", "account health"),
        *(f"{kind} {one}" for kind in ("database", "account") for one in services),
    }

    would = states.openstack_ha_galera.accounts_present(name="accounts", test=True)
    assert would.result is None
    assert set(would.changes) == expected
    assert not _query(root_connection, "SHOW DATABASES LIKE 'probe'")

    done = states.openstack_ha_galera.accounts_present(name="accounts")
    assert done.result is True
    assert done.changes == would.changes

    for test in (True, False):
        again = states.openstack_ha_galera.accounts_present(name="accounts", test=test)
        assert (again.result, again.changes) == (True, {})

    password = cluster["secrets"]["galera"]["accounts"]["probe"]
    with pymysql.connect(
        host=str(address.ip), user="probe", password=password, database="probe"
    ) as own:
        _query(own, "CREATE TABLE IF NOT EXISTS it_works (id INT PRIMARY KEY)")
        with pytest.raises(pymysql.MySQLError):
            _query(own, "SELECT * FROM mysql.global_priv")
    assert password not in repr(done.full_return)


def test_an_account_changed_by_hand_is_put_right(server, states, address, root_connection):
    states.openstack_ha_galera.accounts_present(name="accounts")
    account = f"probe@'{_host(address)}'"
    _query(root_connection, f"ALTER USER {account} IDENTIFIED BY 'changed-by-hand'")
    result = states.openstack_ha_galera.accounts_present(name="accounts")
    assert result.changes == {"account probe": {"old": "has another password", "new": "present"}}
    _query(root_connection, f"REVOKE ALL PRIVILEGES ON probe.* FROM {account}")
    result = states.openstack_ha_galera.accounts_present(name="accounts")
    assert result.changes == {"account probe": {"old": "has no rights on probe", "new": "present"}}


def test_extra_port_answers_when_all_connections_are_used(
    server, cluster, address, root_connection
):
    server.accounts_apply()
    (limit,) = _query(root_connection, "SELECT @@global.max_connections")[0]
    _query(root_connection, "SET GLOBAL max_connections = 10")
    held = []
    credentials = {
        "host": str(address.ip),
        "user": "health",
        "password": cluster["secrets"]["galera"]["accounts"]["health"],
    }
    try:
        with pytest.raises(pymysql.MySQLError, match="Too many connections"):
            for _ in range(12):
                held.append(pymysql.connect(**credentials))
        with pymysql.connect(**credentials, port=3307) as extra:
            assert _query(extra, "SHOW STATUS LIKE 'wsrep_ready'") == (("wsrep_ready", "ON"),)
    finally:
        for connection in held:
            connection.close()
        _query(root_connection, f"SET GLOBAL max_connections = {limit}")


def test_a_new_configuration_is_seen_until_the_restart(server, states):
    before = CONFIG.read_text(encoding="utf-8")
    CONFIG.write_text(before + "max_statement_time = 20\n", encoding="utf-8")
    try:
        assert server.evidence()["is_outdated"]
        result = states.openstack_ha_galera.member_present(name="demo", test=True)
        assert result.result is None
        assert result.changes["member"]["old"] == "Primary, Synced, with an older configuration"
    finally:
        CONFIG.write_text(before, encoding="utf-8")
    assert not server.evidence()["is_outdated"]


def test_one_that_somebody_has_desynced_is_known_and_comes_back(server, root_connection):
    _query(root_connection, "SET GLOBAL wsrep_desync = ON")
    wsrep = server.evidence()["wsrep"]
    assert (wsrep["local_state_comment"], wsrep["is_desynced"]) == ("Donor/Desynced", True)
    back = server.resync()
    assert (back["is_synced"], back["wsrep"]["is_desynced"]) == (True, False)
    assert server.resync()["is_synced"], "a second time changes nothing"


def test_position_after_a_clean_stop_and_after_a_crash(server, root_connection):
    _query(root_connection, "CREATE DATABASE IF NOT EXISTS crash")
    running = server.status()["wsrep"]
    subprocess.run(["systemctl", "kill", "--signal=KILL", "mariadb"], check=True)
    stop()
    assert not server.evidence()["is_pristine"]
    crashed = server.evidence()["position"]
    assert crashed["uuid"] == running["state_uuid"]
    assert crashed["seqno"] >= running["last_committed"]
    with pytest.raises(Exception, match="nothing was done"):
        server.bootstrap({"uuid": crashed["uuid"], "seqno": crashed["seqno"] + 1})
    assert server.bootstrap(crashed)["is_synced"]

    stop()
    evidence = server.evidence()
    assert evidence["safe_to_bootstrap"]
    assert evidence["position"]["uuid"] == running["state_uuid"]
    assert evidence["position"]["seqno"] >= crashed["seqno"]


@pytest.fixture
def data(down):
    """The data of a member that was stopped: it is one once in a run of these tests."""
    if not (DATADIR / "grastate.dat").exists():
        down.bootstrap(down.evidence()["position"])
        stop()
    return down


def test_a_half_received_copy_has_no_position(data):
    marker = DATADIR / "sst_in_progress"
    marker.touch()
    try:
        evidence = data.evidence()
        assert (evidence["is_receiving"], evidence["position"]) == (True, None)
    finally:
        marker.unlink()


def test_a_lost_grastate_is_recovered_from_the_data(data):
    known = data.evidence()["position"]["uuid"]
    (DATADIR / "grastate.dat").unlink()
    evidence = data.evidence()
    assert evidence["position"]["uuid"] == known
    assert not evidence["is_pristine"]


def test_a_seqno_of_an_earlier_stop_does_not_count_after_a_crash(server):
    """The file of a clean stop can be older than the data: galera #499."""
    running = server.status()["wsrep"]
    subprocess.run(["systemctl", "kill", "--signal=KILL", "mariadb"], check=True)
    stop()
    grastate = DATADIR / "grastate.dat"
    text = grastate.read_text(encoding="utf-8")
    grastate.write_text(text.replace("seqno:   -1", "seqno:   99999999"), encoding="utf-8")
    assert server.evidence()["last_view"]
    assert server.evidence()["position"]["seqno"] < 99999999
    assert server.evidence()["position"]["uuid"] == running["state_uuid"]


def test_data_that_is_set_aside_is_kept_and_the_next_bootstrap_makes_new_tables(server):
    with pytest.raises(Exception, match="nothing was moved"):
        server.set_aside()
    assert server.evidence()["floor"]
    moved_to = pathlib.Path(server.set_aside(is_running=True)["moved_to"])
    try:
        assert (moved_to / "grastate.dat").exists()
        evidence = server.evidence()
        # Its floor has gone with it.
        assert (evidence["is_pristine"], evidence["floor"]) == (True, None)
        assert not (DATADIR / "mysql").exists()
        assert server.bootstrap()["is_synced"]
    finally:
        stop()
        shutil.rmtree(DATADIR)
        moved_to.rename(DATADIR)


def _host(address):
    return f"{address.network.network_address}/{address.network.netmask}"


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("", None),
        ("long_query_time = 9", None),
        ("plugin_load_add = disks", None),
        ("max_conections = 9", "unknown variable 'max_conections=9'"),
        ("max_connections = many", "adjusted to 10"),
        ("binlog_format = ROWS", "Error while setting value 'ROWS'"),
        ("innodb_buffer_pool_size = 2Q", "Parsing options for plugin 'InnoDB' failed"),
    ],
)
def test_the_server_tries_a_configuration_before_it_has_it(states, configured, line, told):
    before = CONFIG.read_text(encoding="utf-8")
    try:
        result = states.file.managed(
            name=str(CONFIG),
            contents=f"{before}{line}\n" if line else before,
            check_cmd=f"{CONFIG_CHECK} /usr/sbin/mariadbd {CONFIG}",
        )
        assert result.result is (told is None), result.comment
        assert (told or "") in result.comment
        assert (CONFIG.read_text(encoding="utf-8") == before) is (told is not None or not line)
    finally:
        CONFIG.write_text(before, encoding="utf-8")
