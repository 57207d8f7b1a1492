"""The master's word: kept, and waited for."""

import importlib.util

import openstack_ha_age
import openstack_ha_rule
import pytest
from salt.exceptions import CommandExecutionError
from support import ROOT


class Clock:
    """The clock of the boot, which goes on while somebody sleeps."""

    def __init__(self):
        self.now = 1_000.0

    def monotonic(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds


@pytest.fixture
def word(tmp_path):
    spec = importlib.util.spec_from_file_location("word", ROOT / "_modules/openstack_ha_word.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.FOLDER = tmp_path / "run"
    module.clock = Clock()
    module.time = module.clock
    module.rung, module.told = [], []
    module.__utils__ = {
        "openstack_ha_rule.show": openstack_ha_rule.show,
        "openstack_ha_age.age": openstack_ha_age.age,
    }

    def send(tag, data):
        if tag.endswith("/doorbell"):
            assert data == {}, "a doorbell carries nothing"
            module.rung.append(tag)
        else:
            module.told.append((tag, data))

    module.__salt__ = {
        "event.send": send,
        "saltutil.refresh_pillar": lambda: True,
        "openstack_ha_masterless.is_masterless": lambda: False,
    }
    return module


def lacking_for(word, seconds):
    """A clause until so many seconds have gone by."""
    end = word.clock.now + seconds
    return lambda: "it is not there" if word.clock.now < end else None


def test_each_system_has_its_own_word(word):
    assert word.last("galera") is None
    word.hear("galera", "wait", "ctl3 does not answer")
    word.hear("db_sync.glance", "settled", "all is well", owner="ctl1")
    assert word.last("galera")["why"] == "ctl3 does not answer"
    assert word.last("db_sync.glance")["owner"] == "ctl1"


def test_a_lost_doorbell_is_rung_again(word):
    assert word.wait("demo", "db_sync.glance", lacking_for(word, 40), 60) is None
    assert word.rung == ["openstack_ha/demo/db_sync/doorbell"] * 3


def test_it_is_told_every_15_seconds_what_is_waited_for_and_for_how_long(word, caplog):
    caplog.set_level("INFO")
    assert word.wait("demo", "db_sync.glance", lacking_for(word, 40), 60) is None
    line = "openstack_ha: db_sync.glance: waits for the master's word for {}: it is not there"
    assert [(one.levelname, one.message) for one in caplog.records] == [
        ("INFO", line.format("0 s")),
        ("WARNING", line.format("15 s")),
        ("WARNING", line.format("30 s")),
    ]
    tag = "openstack_ha/demo/db_sync.glance/waits"
    assert word.told == [
        (tag, {"lacking": "it is not there", "seconds": seconds}) for seconds in (0, 15, 30)
    ]


def test_nothing_is_rung_when_nothing_lacks(word):
    assert word.wait("demo", "galera", lambda: None, 60) is None
    assert word.rung == []


def test_without_a_word_the_wait_ends_in_time_and_says_what_helps(word):
    said = word.wait("demo", "galera", lacking_for(word, 999), 60)
    assert said.startswith("After 60 s it is not there, and the master gave no word.")
    assert "openstack_ha/*/*/doorbell" in said


@pytest.mark.parametrize("seconds", [0, 3])
def test_a_look_that_fails_meanwhile_ends_the_wait_with_its_reason(word, seconds):
    def lacking():
        if word.clock.now >= seconds:
            raise CommandExecutionError("no systemd")
        return "it is not there"

    assert word.wait("demo", "galera", lacking, 60) == "no systemd"


def test_what_moves_is_waited_for(word):
    lacking = lacking_for(word, 999)
    assert word.wait("demo", "galera", lacking, 60, moving=["it is not there"]) is None


def test_a_refusal_ends_the_wait_and_an_older_one_does_not(word):
    word.hear("galera", "refuse", "two clusters", "a runbook")
    word.clock.sleep(1)
    assert word.wait("demo", "galera", lacking_for(word, 5), 60) is None

    def refused_later():
        if word.clock.now > begin + 3:
            word.hear("galera", "refuse", "two clusters", "a runbook")
        return "it is not there"

    begin = word.clock.now
    said = word.wait("demo", "galera", refused_later, 60)
    assert said == (
        "The master refused: two clusters. a runbook. "
        "`salt-run openstack_ha_coordinator.plan demo galera` shows what is known."
    )
