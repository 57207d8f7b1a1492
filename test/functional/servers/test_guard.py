"""What a highstate cannot change, over a real broker: refused before anything is written."""

import pathlib
import subprocess

import pytest
from support import not_applied

MEMORY = pathlib.Path("/var/lib/openstack_ha/guards.json")
COOKIE = pathlib.Path("/var/lib/rabbitmq/.erlang.cookie")
CONFIG = pathlib.Path("/etc/rabbitmq/rabbitmq.conf")
PATH = "secrets:rabbitmq:erlang_cookie"
OTHER = "another-erlang-cookie-for-this-host"
SERVICE = "rabbitmq-server"


@pytest.fixture(scope="module")
def running(modules):
    """A broker by the formula's own states, which has come up once."""
    assert not_applied(modules.state.sls("openstack_ha.rabbitmq")) == []
    return modules


@pytest.fixture
def other(running, cluster):
    """The pillar with another cookie."""
    secrets = dict(cluster["secrets"], rabbitmq={**cluster["secrets"]["rabbitmq"]})
    secrets["rabbitmq"]["erlang_cookie"] = OTHER
    return {"openstack_ha": {**cluster, "secrets": secrets}}


def answers():
    done = subprocess.run(
        ["rabbitmqctl", "--quiet", "await_startup", "--timeout", "60"],
        capture_output=True,
        timeout=120,
        check=False,
    )
    return done.returncode == 0


def test_a_part_is_shown_remembered_and_then_left_alone(running, states):
    MEMORY.unlink()
    for test, result in ((True, None), (False, True), (True, True), (False, True)):
        done = states.openstack_ha_guard.remembered("rabbitmq", test=test)
        assert done.result is result, done.comment
        assert MEMORY.exists() is not (result is None)
    assert done.changes == {}
    assert MEMORY.stat().st_mode & 0o777 == 0o600
    assert running.openstack_ha.secret("rabbitmq:erlang_cookie") not in MEMORY.read_text()


@pytest.mark.parametrize("is_test", (True, False))
def test_what_is_the_same_is_no_change(running, states, is_test):
    done = states.openstack_ha_guard.unchanged("demo", test=is_test)
    assert (done.result, done.changes) == (True, {}), done.comment


@pytest.mark.parametrize("is_test", (True, False))
def test_another_value_ends_the_run_before_anything_is_changed(running, other, cluster, is_test):
    before = COOKIE.read_bytes()
    # What the run would bring back.
    CONFIG.write_text(CONFIG.read_text(encoding="utf-8") + "# another line\n", encoding="utf-8")
    left = CONFIG.read_bytes()
    (first, *others) = running.state.sls("openstack_ha.rabbitmq", pillar=other, test=is_test)
    assert (first.id, first.result) == ("openstack_ha_guard", False)
    assert f"openstack_ha:{PATH}: " in first.comment
    assert OTHER not in str(first.raw)
    assert cluster["secrets"]["rabbitmq"]["erlang_cookie"] not in str(first.raw)
    # Salt ends no run in test mode, and names none of those that it has not come to.
    assert is_test or others == []
    assert (COOKIE.read_bytes(), CONFIG.read_bytes()) == (before, left)
    assert answers()


def test_a_forgotten_cookie_is_changed_as_the_runbook_says(running, other):
    running.state.sls("openstack_ha.rabbitmq")
    assert running.openstack_ha_guard.forget(PATH) == {"forgotten": True}
    written = running.state.sls_id(
        "openstack_ha_rabbitmq_cookie", "openstack_ha.rabbitmq.config", pillar=other
    )
    assert written.result is True, written.raw
    assert COOKIE.read_text(encoding="utf-8").strip() == OTHER
    # The broker that runs has the old one.
    assert not answers()
    assert running.service.stop(SERVICE)
    assert not running.service.status(SERVICE)
    result = running.state.sls("openstack_ha.rabbitmq", pillar=other)
    assert not_applied(result) == []
    assert answers()
    refused = running.state.sls("openstack_ha.rabbitmq", test=True)
    assert [one.id for one in refused if one.result is False] == ["openstack_ha_guard"]
    # And back, for the tests after this one.
    running.openstack_ha_guard.forget(PATH)
    running.state.sls_id("openstack_ha_rabbitmq_cookie", "openstack_ha.rabbitmq.config")
    running.service.stop(SERVICE)
    assert not_applied(running.state.sls("openstack_ha.rabbitmq")) == []
