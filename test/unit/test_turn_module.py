"""One node's services: whether they are outdated, and whose doing it is that they do not serve."""

import subprocess

import openstack_ha_cluster
import pytest
from runners import Clock, load, utils
from salt.exceptions import CommandExecutionError
from support import ROOT, example

PROGRAM = ROOT / "openstack_ha/files/started-with"


class Host:
    """A controller whose unit runs, or does not; ``calls`` has what systemd was told."""

    def __init__(self, folder):
        self.folder, self.calls, self.is_running, self.starts = folder, [], True, True
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
        self.module.time = Clock().module()
        view = openstack_ha_cluster.complete(example())
        self.module.__salt__ = {
            "openstack_ha.view": lambda: view,
            "openstack_ha.holds_vip": lambda: self.holds_vip,
            "openstack_ha_haproxy.status": self.haproxy,
            "cmd.retcode": lambda argv, **more: 0 if self.is_running else 3,
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
        self.calls.append(argv[1:])
        if self.starts and len(argv) == 3:
            _, verb, unit = argv
            self.start(unit.removesuffix(".service"), "reload" if verb == "reload" else "start")
        return {"retcode": 0 if self.starts else 1}

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
    assert host.calls == [["daemon-reload"], ["reload", "haproxy.service"]]
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
