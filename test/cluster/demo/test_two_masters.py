"""Two masters that have the same key and cluster file, and a controller that answers both."""

import pathlib
import shutil
import time

import pytest
from forked import Master, Minion
from saltfactories.utils import random_string


@pytest.fixture(scope="module")
def rival(salt_factories, master, cluster_files):
    factory = salt_factories.salt_master_daemon(
        random_string("rival-"),
        factory_class=Master,
        overrides={
            "auto_accept": True,
            "peer": None,
            "file_roots": {"base": list(master.config["file_roots"]["base"])},
            "ext_pillar": [{"openstack_ha": str(cluster_files["demo"])}],
        },
    )
    for name in ("master.pem", "master.pub"):
        shutil.copy(pathlib.Path(master.config["pki_dir"], name), factory.config["pki_dir"])
    synced = factory.salt_run_cli().run("saltutil.sync_all")
    assert synced.returncode == 0, synced
    with factory.started():
        yield factory


@pytest.fixture
def leave(ask, master):
    """Return a function that makes nodes serve whoever asks next; in the end that is ours."""

    def call():
        assert ask("ctl1", "openstack_ha_master.leave") == {}

    yield call
    call()
    assert "obeys" not in _decision(master)["why"]


@pytest.fixture
def shared_minion(master, rival, sync, reacted, dying):
    """
    ctl3, which serves both masters; they forget its key in the end.

    Were nobody silent, the look at its start would go on as long as servers wait that nothing is
    configured for.
    """
    dying.terminate()
    addresses = [f"127.0.0.1:{one.config['ret_port']}" for one in (master, rival)]
    minion = master.salt_minion_daemon(
        "ctl3", factory_class=Minion, overrides={"master": addresses}
    )
    begin = time.time()
    with minion.started():
        sync(minion)
        # Who has started is looked at, and that look is a master's that asks.
        reacted(begin, minion.id)
        yield minion
    for one in (master, rival):
        pathlib.Path(one.config["pki_dir"], "minions", minion.id).unlink()


def _decision(master):
    result = master.salt_run_cli().run("openstack_ha_coordinator.plan", "demo", "galera")
    assert result.returncode == 0, result
    (decision,) = result.data["decisions"]
    return decision


@pytest.mark.usefixtures("controllers", "shared_minion", "first_look")
def test_only_the_master_that_is_obeyed_decides(master, rival, leave):
    def asked(one):
        return "obeys" not in _decision(one)["why"]

    leave()
    assert (asked(master), asked(rival)) == (True, False)
    leave()
    assert (asked(rival), asked(master)) == (True, False)
    # So do the other minions of this host, whose word it is too.
    assert f"ctl3 obeys the master {rival.id}" in _decision(master)["why"]
