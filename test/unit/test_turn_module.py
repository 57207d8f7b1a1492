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
            "openstack_ha_haproxy.status": self.haproxy,
            "cmd.retcode": lambda argv, **more: 0 if self.is_running else 3,
            "cmd.run_all": self.run,
        }
        for name in ("FILES", "STARTED", "MAINTENANCE"):
            (folder / name).mkdir()
            setattr(self.module, name, folder / name)
        self.config = folder / "keystone.conf"
        self.config.write_text("threads = 4\n", encoding="utf-8")
        listed = f"{self.config}\n{folder}/absent\n"
        (folder / "FILES" / "keystone").write_text(listed, encoding="utf-8")

    def haproxy(self):
        if self.rows is None:
            raise CommandExecutionError("no socket")
        return self.rows

    def run(self, argv, **more):
        self.calls.append(argv[1:])
        if self.starts:
            self.start()
        return {"retcode": 0 if self.starts else 1}

    def start(self):
        """Leave what the unit's program leaves before a start."""
        text = PROGRAM.read_text(encoding="utf-8")
        for path, own in (
            ("/etc/openstack_ha/turns", "FILES"),
            ("/run/openstack_ha/started", "STARTED"),
        ):
            text = text.replace(path, str(self.folder / own))
        subprocess.run(["sh", "-c", text, "started-with", "keystone"], check=True)


@pytest.fixture
def host(tmp_path):
    made = Host(tmp_path)
    made.start()
    return made


def said(host):
    return host.module.evidence()["keystone"]


def test_what_runs_is_compared_with_what_is_on_the_disk(host):
    assert said(host)["is_outdated"] is False
    host.config.write_text("threads = 5\n", encoding="utf-8")
    assert said(host)["is_outdated"] is True
    assert host.module.renew("keystone") == {"is_outdated": False}
    assert host.calls == [["restart", "keystone.service"]]


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
    with pytest.raises(CommandExecutionError, match="'haproxy' has no turns .* keystone, glance"):
        host.module.renew("haproxy")
