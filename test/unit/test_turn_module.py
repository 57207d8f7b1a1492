"""One node's services: whether they are outdated, and whose doing it is that they do not serve."""

import subprocess

import openstack_ha_cluster
import pytest
from runners import Clock, load, utils
from salt.exceptions import CommandExecutionError
from support import ROOT, example

PROGRAM = ROOT / "openstack_ha/files/started-with"


class Host:
    """
    A controller whose units run, or do not; ``calls`` has what systemd was told, and ``down`` the
    units that do not run.
    """

    def __init__(self, folder):
        self.folder, self.calls, self.is_running, self.starts = folder, [], True, True
        self.down, self.names = set(), {}
        self.holds_vip = False
        self.rows = [
            {"kind": "backend", "proxy": "keystone", "name": "BACKEND", "serving": True},
            {
                "kind": "server",
                "proxy": "keystone",
                "name": "ctl1",
                "serving": True,
                "sessions": 2,
            },
        ]
        self.module = load("_modules", "openstack_ha_turn", __utils__=utils())
        self.module.__opts__ = {"id": "ctl1"}
        self.clock = Clock()
        self.module.time = self.clock.module()
        view = openstack_ha_cluster.complete(example())
        self.module.__salt__ = {
            "openstack_ha.view": lambda: view,
            "openstack_ha.holds_vip": lambda: self.holds_vip,
            "openstack_ha_haproxy.status": self.haproxy,
            "cmd.run_all": self.run,
        }
        for name in ("FILES", "STARTED", "MAINTENANCE"):
            (folder / name).mkdir()
            setattr(self.module, name, folder / name)
        self.unit, self.config = folder / "unit.conf", folder / "keystone.conf"
        self.unit.write_text("[Service]\n", encoding="utf-8")
        self.config.write_text("threads = 4\n", encoding="utf-8")
        listed = f"{self.unit}\n# A reload:\n{self.config}\n{folder}/absent\n"
        for service in ("keystone", "haproxy"):
            (folder / "FILES" / service).write_text(listed, encoding="utf-8")

    def haproxy(self):
        if self.rows is None:
            raise CommandExecutionError("no socket")
        return self.rows

    def run(self, argv, **more):
        _, verb, *units = argv
        if verb == "show":
            return {"retcode": 0, "stdout": "\n\n".join(map(self.shown, units[1:])), "stderr": ""}
        self.calls.append(argv[1:])
        for unit in units if self.starts else ():
            name = self.names.get(unit, unit.removesuffix(".service"))
            self.start(name, "reload" if verb == "reload-or-restart" else "start")
            self.down.discard(unit)
        return {"retcode": 0 if self.starts else 1}

    def shown(self, unit):
        state = "active" if self.is_running and unit not in self.down else "failed"
        since = int((self.clock.now - 30) * 10**6)
        return f"ActiveState={state}\nStateChangeTimestampMonotonic={since}\n"

    def start(self, service="keystone", how="start"):
        """Leave what the unit's program leaves before a start or a reload."""
        text = PROGRAM.read_text(encoding="utf-8")
        for path, own in (
            ("/etc/openstack_ha/turns", "FILES"),
            ("/run/openstack_ha/started", "STARTED"),
        ):
            text = text.replace(path, str(self.folder / own))
        subprocess.run(["sh", "-c", text, "started-with", service, how], check=True)


@pytest.fixture
def host(tmp_path):
    made = Host(tmp_path)
    made.start()
    made.start("haproxy")
    return made


def said(host, service="keystone"):
    return host.module.evidence()[service]


def test_what_runs_is_compared_with_what_is_on_the_disk(host):
    assert said(host)["is_outdated"] is False
    host.config.write_text("threads = 5\n", encoding="utf-8")
    assert said(host)["is_outdated"] is True
    assert host.module.renew("keystone") == {"is_outdated": False}
    assert host.calls == [["daemon-reload"], ["restart", "keystone.service"]]


def test_a_file_that_came_is_a_change_and_one_that_is_not_there_is_none(host):
    (host.folder / "absent").touch()
    assert host.module.is_outdated("keystone") is False
    (host.folder / "absent").write_text("x", encoding="utf-8")
    assert host.module.is_outdated("keystone") is True


def test_who_does_not_run_or_is_not_configured_is_not_outdated(host):
    host.config.write_text("threads = 5\n", encoding="utf-8")
    host.is_running = False
    assert said(host)["is_outdated"] is False
    host.is_running = True
    (host.folder / "FILES" / "keystone").unlink()
    assert said(host)["is_outdated"] is False


def test_who_left_nothing_at_its_start_is_outdated(host):
    (host.folder / "STARTED" / "keystone").unlink()
    assert said(host)["is_outdated"] is True


def test_a_turn_and_a_persons_word_are_told_apart(host):
    host.module.drain("keystone")
    assert (said(host)["is_drained"], said(host)["is_away"]) == (True, False)
    host.module.readmit("keystone")
    assert (said(host)["is_drained"], said(host)["drained_for"]) == (False, None)
    (host.folder / "MAINTENANCE" / "keystone.maintenance").touch()
    assert (said(host)["is_drained"], said(host)["is_away"]) == (False, True)
    with pytest.raises(CommandExecutionError, match="was taken out of service by"):
        host.module.drain("keystone")


def test_what_haproxy_sees_is_told_and_what_it_does_not_say_is_not_known(host):
    assert said(host)["seen"] == {"ctl1": {"serves": True, "sessions": 2}}
    assert host.module.evidence()["glance"]["seen"] == {}
    host.rows = None
    assert said(host)["seen"] is None


def test_who_does_not_start_says_where_its_log_is(host):
    host.starts = False
    with pytest.raises(CommandExecutionError, match=r"journalctl --unit=keystone.service"):
        host.module.renew("keystone")


def test_what_has_no_turns_is_named(host):
    with pytest.raises(CommandExecutionError, match="'galera' has no turns .* keystone, glance"):
        host.module.renew("galera")


def test_a_reload_takes_what_is_no_part_of_a_start(host):
    host.config.write_text("threads = 5\n", encoding="utf-8")
    assert (said(host, "haproxy")["is_outdated"], said(host, "haproxy")["takes_reload"]) == (
        True,
        True,
    )
    assert said(host)["takes_reload"] is False, "Keystone has no reload that drops nothing"
    host.module.renew("haproxy")
    assert host.calls == [["daemon-reload"], ["reload-or-restart", "haproxy.service"]]
    assert said(host, "haproxy")["is_outdated"] is False


def test_what_only_a_start_reads_is_not_forgotten_by_a_reload(host):
    host.unit.write_text("[Service]\nNice=1\n", encoding="utf-8")
    assert said(host, "haproxy")["takes_reload"] is False
    # By whoever.
    host.start("haproxy", "reload")
    assert host.module.is_outdated("haproxy") is True
    host.module.renew("haproxy")
    assert host.calls[-1] == ["restart", "haproxy.service"]
    assert host.module.is_outdated("haproxy") is False


def test_a_turn_has_ended_when_it_runs_and_serves_again(host):
    assert host.module.lacking("keystone") is None
    host.module.drain("keystone")
    assert host.module.lacking("keystone") == "keystone is drained"
    host.is_running = False
    assert host.module.lacking("keystone") == "keystone does not run"
    host.is_running = True
    host.config.write_text("threads = 5\n", encoding="utf-8")
    assert host.module.lacking("keystone") == "keystone runs with an older configuration"


class Broker:
    """What RabbitMQ's own module says and does."""

    def __init__(self, host):
        self.serves, self.obstacle, self.called, self.is_able = True, None, [], True
        self.functions = {
            "openstack_ha_rabbitmq_turn.serves": lambda: self.serves,
            "openstack_ha_rabbitmq_turn.obstacle": lambda: self.obstacle,
            "openstack_ha_rabbitmq_turn.drain": self.drain,
            "openstack_ha_rabbitmq_turn.revive": lambda: self.called.append("revive"),
        }
        host.module.__salt__.update(self.functions)
        listed = (host.folder / "FILES" / "keystone").read_text(encoding="utf-8")
        (host.folder / "FILES" / "rabbitmq").write_text(listed, encoding="utf-8")
        host.start("rabbitmq")

    def drain(self):
        self.called.append("drain")
        if not self.is_able:
            raise CommandExecutionError("rabbitmq-upgrade drain ended with 69")


def test_a_service_says_itself_whether_it_serves_and_what_is_in_the_way(host):
    broker = Broker(host)
    broker.obstacle = "queues depend on it alone"
    assert (said(host, "rabbitmq")["serves"], said(host, "rabbitmq")["seen"]) == (True, None)
    assert said(host, "rabbitmq")["obstacle"] is None, "asked of one that is not outdated"
    host.config.write_text("threads = 5\n", encoding="utf-8")
    assert said(host, "rabbitmq")["obstacle"] == "queues depend on it alone"
    broker.serves = False
    assert said(host, "rabbitmq")["serves"] is False
    assert said(host, "memcached")["serves"] is True
    assert said(host)["serves"] is None


def test_a_drain_of_its_own_that_fails_is_taken_back(host):
    broker = Broker(host)
    host.module.drain("rabbitmq")
    assert (broker.called, said(host, "rabbitmq")["is_drained"]) == (["drain"], True)
    host.module.readmit("rabbitmq")
    assert (broker.called, said(host, "rabbitmq")["is_drained"]) == (["drain", "revive"], False)
    broker.is_able = False
    with pytest.raises(CommandExecutionError, match="ended with 69"):
        host.module.drain("rabbitmq")
    assert (broker.called[2:], said(host, "rabbitmq")["is_drained"]) == (["drain", "revive"], False)


def test_who_has_the_vip_says_so(host):
    assert said(host)["holds_vip"] is False
    host.holds_vip = True
    assert said(host)["holds_vip"] is True


class Storage:
    """
    A storage node: a server that can be reloaded and a daemon that cannot, each with its own file.
    """

    SERVER, DAEMON = "swift-object.service", "swift-object-updater.service"

    def __init__(self, host):
        self.host, self.is_well, self.unit, self.files = host, True, {}, {}
        view = openstack_ha_cluster.complete(example())
        host.module.__opts__ = {"id": "sto1"}
        host.module.__salt__["openstack_ha.view"] = lambda: view
        own = "openstack_ha_swift_storage_turn.serves"
        host.module.__salt__[own] = lambda: self.is_well
        for unit in (self.SERVER, self.DAEMON):
            name = f"swift.storage.{unit}"
            self.unit[unit], self.files[unit] = host.folder / f"{unit}.d", host.folder / unit
            self.unit[unit].write_text("[Service]\n", encoding="utf-8")
            self.files[unit].write_text("workers = 1\n", encoding="utf-8")
            listed = f"{self.unit[unit]}\n# A reload:\n{self.files[unit]}\n"
            (host.folder / "FILES" / name).write_text(listed, encoding="utf-8")
            host.names[unit] = name
            host.start(name)

    def said(self):
        return said(self.host, "swift.storage")

    def renewed(self):
        """What systemd was told meanwhile, but for reading its units anew."""
        self.host.calls.clear()
        assert self.host.module.renew("swift.storage") == {"is_outdated": False}
        return self.host.calls[1:]


@pytest.fixture
def storage(host):
    return Storage(host)


def test_of_several_units_those_that_differ_are_renewed_each_as_it_takes(storage):
    assert (storage.said()["is_running"], storage.said()["is_outdated"]) == (True, False)
    storage.files[storage.DAEMON].write_text("workers = 2\n", encoding="utf-8")
    assert (storage.said()["is_outdated"], storage.said()["takes_reload"]) == (True, True)
    assert storage.renewed() == [["reload-or-restart", storage.DAEMON]]
    storage.unit[storage.SERVER].write_text("[Service]\nNice=1\n", encoding="utf-8")
    storage.files[storage.DAEMON].write_text("workers = 3\n", encoding="utf-8")
    assert storage.said()["takes_reload"] is False
    assert sorted(storage.renewed()) == [
        ["reload-or-restart", storage.DAEMON],
        ["restart", storage.SERVER],
    ]


def test_where_no_unit_differs_a_person_renews_all_of_them(storage):
    (told,) = storage.renewed()
    assert told == ["reload-or-restart", storage.DAEMON, storage.SERVER]


def test_a_unit_that_does_not_run_is_told_and_started(storage):
    storage.host.down = {storage.DAEMON}
    assert (storage.said()["is_running"], storage.said()["serves"]) == (False, True)
    assert storage.host.module.lacking("swift.storage") == "swift.storage does not run"
    assert storage.renewed() == [["reload-or-restart", storage.DAEMON]]
    assert storage.host.module.lacking("swift.storage") is None


def test_a_service_with_a_dot_in_its_name_has_a_module_of_its_own(storage):
    storage.is_well = False
    assert storage.said()["serves"] is False
    storage.is_well, storage.host.is_running = True, False
    assert storage.said()["serves"] is False


def test_before_its_states_have_listed_units_nothing_is_outdated(storage):
    for name in storage.host.names.values():
        (storage.host.folder / "FILES" / name).unlink()
    found = storage.said()
    assert (found["is_configured"], found["is_running"], found["is_outdated"]) == (False,) * 3
    assert found["unchanged_for"] is None


def test_units_that_do_not_start_are_named_with_their_logs(storage):
    storage.host.starts = False
    logs = f"--unit={storage.DAEMON} --unit={storage.SERVER} --lines=30"
    with pytest.raises(CommandExecutionError, match=logs):
        storage.host.module.renew("swift.storage")


def test_for_how_long_nothing_was_renewed_is_told(storage):
    assert storage.said()["unchanged_for"] == pytest.approx(30)
