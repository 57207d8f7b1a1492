"""Galera's module on a simulated host: what it tells systemd, and what it refuses."""

import json
import socket

import pytest
from runners import Clock, load, utils
from salt.exceptions import CommandExecutionError

UUID = "f0000000-0000-11ee-9999-0123456789ab"
ZERO = "00000000-0000-0000-0000-000000000000"
STATES = {
    "running": "LoadState=loaded\nActiveState=active\nSubState=running",
    "stopped": "LoadState=loaded\nActiveState=inactive\nSubState=dead",
    "joining": "LoadState=loaded\nActiveState=activating\nSubState=start",
    "starting": "LoadState=loaded\nActiveState=activating\nSubState=start-pre",
    "stopping": "LoadState=loaded\nActiveState=deactivating\nSubState=stop",
    "absent": "LoadState=not-found\nActiveState=inactive\nSubState=dead",
}
SYNCED = {
    "cluster_status": "Primary",
    "local_state": 4,
    "local_state_comment": "Synced",
    "state_uuid": UUID,
    "last_committed": 7,
}


# Ports below 1024 of this host's own network, where nothing listens.
VIEW = {
    "controllers": [{"id": "ctl1", "address": "127.0.0.1"}, {"id": "ctl2", "address": "127.0.0.2"}],
    "galera": {"port": 9},
}


class Host:
    """A host with a data directory below a folder; ``calls`` has what was run on it."""

    def __init__(self, folder):
        self.folder, self.calls = folder, []
        self.state, self.wsrep, self.fails = "stopped", SYNCED, None
        self.during = {}
        self.module = load(
            "_modules",
            "openstack_ha_galera",
            __utils__=utils(),
            __opts__={"id": "ctl1"},
            __grains__={"mem_total": 4096, "num_cpus": 4},
            __salt__={"cmd.run_all": self.run, "openstack_ha.view": lambda: VIEW},
        )
        self.module.DATADIR = str(folder / "mysql")
        self.module.FLOOR = str(folder / "lib" / "galera.json")
        self.module.CONFIG = str(folder / "config.cnf")
        self.module.STARTED_WITH = str(folder / "started.cnf")
        self.module._wsrep = lambda: self.wsrep
        self.module.time = Clock().module()
        (folder / "mysql" / "mysql").mkdir(parents=True)
        (folder / "config.cnf").write_text("new", encoding="utf-8")
        (folder / "started.cnf").write_text("new", encoding="utf-8")

    def run(self, argv, python_shell, timeout):
        assert python_shell is False
        assert timeout
        self.calls.append(argv)
        if argv[1] == "show":
            return {"retcode": 0, "stdout": STATES[self.state], "stderr": ""}
        if argv[0] == "mariadbd":
            (path,) = [one.partition("=")[2] for one in argv if one.startswith("--log-error")]
            with open(path, "w", encoding="utf-8") as log:
                log.write(f"WSREP: Recovered position: {UUID}:9\n")
        if argv[0] == "mv":
            (self.folder / "mysql").rename(argv[-1])
        if self.fails in argv:
            return {"retcode": 1, "stdout": "", "stderr": "no room"}
        if argv[1] in ("start", "restart"):
            self.state = "running"
        if argv[1] == "stop":
            self.state = "stopped"
        return {"retcode": 0, "stdout": "", "stderr": ""}

    def verbs(self):
        return [argv[1] for argv in self.calls if argv[0] == "systemctl" and argv[1] != "show"]

    def grastate(self, uuid=UUID, seqno=5, safe=0):
        path = self.folder / "mysql" / "grastate.dat"
        text = f"uuid:    {uuid}\nseqno:   {seqno}\nsafe_to_bootstrap: {safe}\n"
        path.write_text(text, encoding="utf-8")
        return path


@pytest.fixture
def host(tmp_path, monkeypatch):
    made = Host(tmp_path)
    monkeypatch.setattr(made.module.shutil, "chown", lambda *args, **kwargs: None)
    return made


def test_the_pillars_options_are_over_the_formulas(host):
    galera = {
        **dict.fromkeys(("port", "extra_port", "max_connections"), 1),
        "buffer_pool": "25%",
        "gcache_size": "1G",
        "provider_options": {"gcs.fc_limit": 9},
        "server_options": {"wsrep_sst_method": "rsync", "plugin_load_add": ["a", "b"]},
    }
    own = {"id": "ctl1", "address": "10.0.0.1"}
    view = {"name": "demo", "self": own, "controllers": [own], "galera": galera}
    host.module.__salt__["openstack_ha.view"] = lambda: view
    rows = host.module.options()
    chosen = [["plugin_load_add", "a"], ["plugin_load_add", "b"], ["wsrep_sst_method", "rsync"]]
    assert rows[-3:] == chosen
    assert ["wsrep_sst_method", "mariabackup"] not in rows
    assert "gcs.fc_limit=9; gcache" not in dict(rows)["wsrep_provider_options"]
    assert "gcs.fc_limit=9" in dict(rows)["wsrep_provider_options"]


def test_the_flag_of_a_bootstrap_is_set_for_one_start(host):
    host.grastate(ZERO, -1)
    assert host.module.bootstrap()["is_synced"]
    assert host.verbs() == ["set-environment", "start", "unset-environment"]


@pytest.mark.parametrize("verb", ["join", "launch", "restart"])
def test_no_member_starts_with_the_flag_that_a_bootstrap_has_left(host, verb):
    getattr(host.module, verb)()
    assert host.verbs() == ["unset-environment", "restart" if verb == "restart" else "start"]


@pytest.mark.parametrize("port", ["GROUP_PORT", "port"])
def test_nobody_is_the_first_beside_a_server_whose_minion_is_silent(host, port):
    host.grastate(ZERO, -1)
    with socket.create_server(("127.0.0.2", 0)) as server:
        taken, galera = server.getsockname()[1], dict(VIEW["galera"])
        if port == "port":
            galera["port"] = taken
        else:
            host.module.GROUP_PORT = taken
        host.module.__salt__["openstack_ha.view"] = lambda: {**VIEW, "galera": galera}
        with pytest.raises(CommandExecutionError, match=f"ctl2 answers on 127.0.0.2:{taken}"):
            host.module.bootstrap()
    assert host.verbs() == []


def test_the_flag_of_a_bootstrap_goes_when_the_start_fails(host):
    host.grastate(ZERO, -1)
    host.fails = "start"
    with pytest.raises(CommandExecutionError, match="no room"):
        host.module.bootstrap()
    assert host.verbs()[-1] == "unset-environment"


@pytest.mark.parametrize(
    ("state", "position"),
    [("stopped", {"uuid": UUID, "seqno": 4}), ("stopped", None), ("running", None)],
)
def test_a_bootstrap_rests_on_the_position_that_was_decided(host, state, position):
    host.grastate()
    host.state = state
    with pytest.raises(CommandExecutionError, match="nothing was done"):
        host.module.bootstrap(position)
    assert host.verbs() == []


def test_a_bootstrap_sets_the_safe_flag_and_keeps_what_was(host):
    path = host.grastate()
    host.module.bootstrap({"uuid": UUID, "seqno": 5})
    assert "safe_to_bootstrap: 1" in path.read_text(encoding="utf-8")
    kept = path.with_name("grastate.dat.before-bootstrap")
    assert "safe_to_bootstrap: 0" in kept.read_text(encoding="utf-8")


def test_a_new_disk_gets_the_servers_own_tables(host):
    (host.folder / "mysql" / "mysql").rmdir()
    host.module.bootstrap()
    assert host.calls[1][0] == "mariadb-install-db"


def test_the_position_is_that_of_a_clean_stop(host):
    host.grastate(seqno=5)
    assert host.module.evidence()["position"] == {"uuid": UUID, "seqno": 5}


def test_a_crash_after_a_clean_stop_is_asked_for_its_position(host):
    host.grastate(seqno=5)
    (host.folder / "mysql" / "gvwstate.dat").write_text("", encoding="utf-8")
    assert host.module.evidence()["position"] == {"uuid": UUID, "seqno": 9}
    (log,) = [one for one in host.calls[-1] if one.startswith("--log-error=")]
    assert "openstack_ha-" in log, "a log of its own"


def test_a_lone_database_is_not_pristine(host):
    host.grastate(ZERO, -1)
    assert host.module.evidence()["is_pristine"]
    (host.folder / "mysql" / "nova").mkdir()
    assert not host.module.evidence()["is_pristine"]


@pytest.mark.parametrize("mark", ["sst_in_progress", ".sst"])
def test_a_part_of_a_donors_data_has_no_position(host, mark):
    host.grastate()
    (host.folder / "mysql" / mark).touch()
    found = host.module.evidence()
    assert (found["is_receiving"], found["position"]) == (True, None)


def test_a_synced_member_remembers_where_it_is(host):
    host.state = "running"
    assert host.module.evidence()["floor"] == {"uuid": UUID, "seqno": 7}
    before = (host.folder / "lib" / "galera.json").stat().st_ino
    host.wsrep = {**SYNCED, "last_committed": 8}
    assert host.module.evidence()["floor"]["seqno"] == 8
    # Replaced as a whole: a full disk or a cut power leaves the old one.
    assert (host.folder / "lib" / "galera.json").stat().st_ino != before
    host.wsrep = {**SYNCED, "local_state": 2, "last_committed": 9}
    assert host.module.evidence()["floor"]["seqno"] == 8


def test_another_configuration_than_at_the_start_is_outdated(host):
    host.state = "running"
    assert host.module.evidence()["is_outdated"] is False
    (host.folder / "config.cnf").write_text("newer", encoding="utf-8")
    assert host.module.evidence()["is_outdated"] is True
    host.state = "stopped"
    assert host.module.evidence()["is_outdated"] is False


@pytest.mark.parametrize("state", STATES)
def test_what_systemd_says(host, state):
    host.state = state
    assert host.module.server() == state
    assert host.module.evidence()["is_ready"] is (state != "absent")


def test_a_member_of_a_primary_component_is_not_stopped(host):
    host.state = "running"
    with pytest.raises(CommandExecutionError, match="in a Primary component; it was not stopped"):
        host.module.stand_down()
    assert host.verbs() == []
    host.wsrep = {**SYNCED, "cluster_status": "non-Primary"}
    assert host.module.stand_down()["server"] == "stopped"
    assert host.verbs() == ["stop"]
    host.state = "joining"
    host.module.stand_down()
    assert host.verbs()[1:] == ["kill", "stop"]


def test_a_launch_waits_for_nothing_and_a_start_for_its_end(host):
    for verb, argv in (
        ("launch", ["start", "--no-block"]),
        ("join", ["start"]),
        ("restart", ["restart"]),
    ):
        host.calls.clear()
        getattr(host.module, verb)()
        assert host.calls[1] == ["systemctl", *argv, "mariadb.service"]


def test_a_server_outside_its_component_is_not_waited_for_for_ever(host):
    host.wsrep = {**SYNCED, "cluster_status": "non-Primary", "local_state": 0}
    looks = []

    def sleep(_seconds):
        looks.append(1)
        assert len(looks) < 200, "no end"

    host.module.time.sleep = sleep
    with pytest.raises(CommandExecutionError, match="has not reached the Primary component for 60"):
        host.module.join()


def test_a_server_that_ended_is_not_waited_for(host):
    host.state = "stopped"
    with pytest.raises(CommandExecutionError, match="is stopped instead of Synced"):
        host.module._wait_synced()


def test_data_is_moved_away_only_from_a_server_that_is_stopped(host):
    host.grastate()
    host.state = "running"
    with pytest.raises(CommandExecutionError, match="nothing was moved"):
        host.module.set_aside()
    assert host.verbs() == []
    host.module.FLOOR = str(host.folder / "floor.json")
    (host.folder / "floor.json").write_text(json.dumps({"uuid": UUID, "seqno": 5}))
    moved_to = host.module.set_aside(is_running=True)["moved_to"]
    assert host.verbs() == ["mask", "stop", "unmask"]
    assert (host.folder / moved_to / "grastate.dat").exists()
    assert list((host.folder / "mysql").iterdir()) == []
    assert not (host.folder / "floor.json").exists()


def test_a_unit_is_unmasked_whatever_happens(host):
    host.fails = "stop"
    with pytest.raises(CommandExecutionError, match="no room"):
        host.module.set_aside()
    assert host.verbs() == ["mask", "stop", "unmask"]


def test_what_is_forgotten_is_gone(host):
    host.state = "running"
    host.module.evidence()
    assert host.module.forget() == {"forgotten": {"uuid": UUID, "seqno": 7}}
    assert host.module.forget() == {"forgotten": None}


def test_an_error_of_the_server_quotes_no_parameters(host):
    import pymysql

    class Connection:
        def cursor(self):
            raise pymysql.err.OperationalError(1064, "near 'SECRETHASH'")

    with pytest.raises(CommandExecutionError) as refused:
        host.module._query(Connection(), "ALTER USER %s", ("SECRETHASH",))
    assert "SECRETHASH" not in str(refused.value)
    assert "1064" in str(refused.value)
    assert refused.value.__cause__ is None
