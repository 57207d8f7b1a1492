"""
Values that a highstate cannot change: refused for the whole cluster by name, and changed there and
back as the runbook says: `make runbooks`.
"""

import pytest
from swift import site

from lab.waiting import wait_for

pytestmark = pytest.mark.usefixtures("mended")

RUNBOOK = "guarded-values.md"
COOKIE = "secrets:rabbitmq:erlang_cookie"
ACCOUNTS = {"rabbitmq": "secrets:rabbitmq:users:health", "galera": "secrets:galera:accounts:health"}
BOUND = 300


@pytest.fixture
def learned(lab):
    """The master has heard from a node with what the cluster runs."""

    def known():
        return lab.master.run("openstack_ha_guard.memory", "demo")

    wait_for(lambda: {COOKIE, *ACCOUNTS.values()} <= set(known()), BOUND, "the master's memory")
    return known()


@pytest.fixture
def give(lab, learned):
    """Return a function that gives the master a cluster file with another value, or the own one."""

    def put(path, value=None):
        content = site.source()
        *parents, leaf = path.split(":")
        tree = content["openstack_ha"]
        for key in parents:
            tree = tree[key]
        if value:
            tree[leaf] = value
        site.give(lab, content)
        checked = lab.master.host.run(["salt-run", "openstack_ha.check", "--out=json"])
        assert checked.rc == 1 and f"openstack_ha:{path}: " in checked.out, checked

    yield put
    site.give(lab, site.source())


def test_it_is_told_what_is_guarded(lab, learned, follow):
    follow(RUNBOOK, "")


@pytest.mark.parametrize(
    ("path", "value"), [("name", "other"), ("nodes:sto1:address", "172.29.80.99")]
)
def test_what_stays_is_refused_and_nothing_changes(lab, give, path, value):
    give(path, value)
    refused = lab.master.host.run(["salt", "ctl1", "state.highstate", "queue=True"])
    assert refused.rc and path in refused.out, refused


def test_a_cookie_is_changed(give, follow, serving):
    for value in ("another-erlang-cookie-of-the-lab", None):
        give(COOKIE, value)
        follow(RUNBOOK, "Another Erlang cookie")
    serving()


def test_a_health_accounts_password_is_changed(give, follow, serving):
    for value in ("another-password-of-the-lab", None):
        give(ACCOUNTS["rabbitmq"], value)
        follow(RUNBOOK, "Another password of a health account", 0)
        give(ACCOUNTS["galera"], value)
        follow(RUNBOOK, "Another password of a health account", 1)
    serving()


def test_the_vip_gets_another_address(give, follow, serving):
    for value in ("172.29.80.99", None):
        give("vip:address", value)
        follow(RUNBOOK, "Another address of the VIP")
    serving()
