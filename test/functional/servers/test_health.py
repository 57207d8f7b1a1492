"""The health daemon by the formula's own states, beside a real MariaDB."""

import pathlib
import re
import signal
import time
import urllib.error
import urllib.request

import pymysql
import pytest
from support import await_until, not_applied

SLS = "openstack_ha.health"
OWN_CONFIG = pathlib.Path("/etc/mysql/mariadb.conf.d/99-openstack_ha_health_test.cnf")
GRASTATE = pathlib.Path("/var/lib/mysql/grastate.dat")
WSREP = """
wsrep_on = ON
wsrep_provider = /usr/lib/galera/libgalera_smm.so
wsrep_cluster_name = health_test
wsrep_cluster_address = gcomm://
"""


@pytest.fixture
def daemon(modules, pillar, address):
    """The daemon as the formula leaves it; return a function that waits until a service says so."""
    result = modules.state.sls(SLS, pillar=pillar)
    assert not_applied(result) == []

    def ask(port=9200):
        # Longer than a verdict stays fresh.
        time.sleep(0.4)
        try:
            with urllib.request.urlopen(f"http://{address.ip}:{port}/", timeout=60) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def says(status, why="", port=9200):
        """A look of a busy host may come too late, and says so; the next one is in time."""
        seen = []

        def is_said():
            seen.append(ask(port))
            return seen[-1][0] == status and re.search(why, seen[-1][1])

        await_until(is_said, 60, f"{status} {why}", lambda: seen[-1])

    return says


def query(modules, statement):
    argv = ["mysql", "--batch", "--skip-column-names", "-e", statement]
    return modules.cmd.run_stdout(argv, python_shell=False)


@pytest.fixture
def mariadb(modules, daemon, pillar, address, tmp_path):
    """Return a function that starts MariaDB on the node's address with more options."""
    password = pillar["openstack_ha"]["secrets"]["galera"]["accounts"]["health"]
    account = tmp_path / "account.sql"
    account.write_text(
        f"CREATE OR REPLACE USER health@'%' IDENTIFIED BY '{password}';\n", encoding="utf-8"
    )
    tmp_path.chmod(0o755)

    def start(more):
        # Whatever cluster other tests have left here, this server is of none, or of its own.
        GRASTATE.unlink(missing_ok=True)
        OWN_CONFIG.write_text(
            f"[mysqld]\nwsrep_on = OFF\nbind_address = {address.ip}\nextra_port = 3307\n"
            "extra_max_connections = 5\nmax_connections = 10\nbinlog_format = ROW\n"
            f"innodb_autoinc_lock_mode = 2\n{more}",
            encoding="utf-8",
        )
        modules.service.start("mariadb")
        if more:
            # systemd is told that the server is ready before it is a member.
            ready = "SHOW STATUS LIKE 'wsrep_ready'"
            await_until(lambda: query(modules, ready).endswith("ON"), 60, "a member")
        done = modules.cmd.run_all(f"mysql < {account}", python_shell=True)
        assert done["retcode"] == 0, done["stderr"]
        return password

    for unit in ("mariadb.socket", "mariadb-extra.socket"):
        modules.service.stop(unit)
    modules.service.stop("mariadb")
    yield start
    modules.service.stop("mariadb")
    OWN_CONFIG.unlink()


def test_mode_names_what_would_be_done_and_does_nothing(modules, pillar):
    unit = pathlib.Path("/etc/systemd/system/openstack-ha-health.service")
    for suffix in (".service", "-galera.socket", "-rabbitmq.socket"):
        modules.service.stop(f"openstack-ha-health{suffix}")
    unit.unlink(missing_ok=True)
    result = modules.state.sls(SLS, pillar=pillar, test=True)
    would = {single.id for single in result if single.result is None}
    assert {"openstack_ha_health_unit", "openstack_ha_health_service"} <= would
    assert not unit.exists()


def test_second_run_changes_nothing(modules, daemon, pillar):
    result = modules.state.sls(SLS, pillar=pillar)
    assert {single.id for single in result if single.changes or single.result is not True} == set()


def test_no_password_is_returned_or_open_to_others(modules, pillar):
    files = [pathlib.Path("/etc/openstack-ha-health", name) for name in ("galera", "rabbitmq")]
    for file in files:
        file.unlink(missing_ok=True)
    result = modules.state.sls(SLS, pillar=pillar)
    for file in files:
        assert file.read_text(encoding="utf-8").strip() not in str(result.raw)
        assert file.stat().st_mode & 0o007 == 0


def test_it_answers_before_there_is_anything_to_ask(modules, daemon):
    for service in ("mariadb", "rabbitmq-server"):
        modules.service.stop(service)
    daemon(503, port=9200)
    daemon(503, port=9201)


def test_a_server_outside_a_cluster_is_not_good(daemon, mariadb):
    mariadb("")
    daemon(503, "galera: wsrep_ready is OFF\n")


def test_a_synced_member_is_good_until_it_is_not(modules, daemon, mariadb):
    mariadb(WSREP)
    daemon(200, "^galera: synced$")
    for statement, expected in (
        ("SET GLOBAL read_only = 1", 503),
        ("SET GLOBAL read_only = 0", 200),
        ("SET GLOBAL wsrep_reject_queries = ALL", 503),
        ("SET GLOBAL wsrep_reject_queries = NONE", 200),
        ("SET GLOBAL wsrep_desync = 1", 200),
        ("SET GLOBAL wsrep_desync = 0", 200),
    ):
        modules.cmd.run_all(["mysql", "-e", statement], python_shell=False)
        daemon(expected)


def test_a_server_whose_connections_are_exhausted_is_good(modules, daemon, mariadb, address):
    password = mariadb(WSREP)
    held = []
    try:
        with pytest.raises(pymysql.err.OperationalError, match="Too many connections"):
            for _ in range(50):
                held.append(
                    pymysql.connect(
                        host=str(address.ip), port=3306, user="health", password=password
                    )
                )
        modules.service.restart("openstack-ha-health")
        daemon(200, "^galera: synced$")
    finally:
        for connection in held:
            connection.close()


def test_a_server_that_hangs_is_bad_when_patience_ends(modules, daemon, mariadb):
    mariadb(WSREP)
    daemon(200)
    pid = int(modules.cmd.run_stdout(["pidof", "mariadbd"]))
    modules.ps.kill_pid(pid, signal=signal.SIGSTOP)
    try:
        daemon(503, "timed out|no answer within 4 s")
    finally:
        modules.ps.kill_pid(pid, signal=signal.SIGCONT)
    daemon(200)


def test_maintenance_is_a_file(daemon, mariadb):
    mariadb(WSREP)
    switch = pathlib.Path("/run/openstack-ha-health/galera.maintenance")
    switch.touch()
    try:
        daemon(503, f"galera: maintenance: {switch} exists\n")
    finally:
        switch.unlink()
    daemon(200)
