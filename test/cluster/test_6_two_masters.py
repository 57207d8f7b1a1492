"""Two masters that have the same key and cluster file, and a controller that answers both."""

import pathlib
import shutil

import pytest
from saltfactories.utils import random_string


@pytest.fixture(scope="module")
def rival(salt_factories, master, cluster_files):
    factory = salt_factories.salt_master_daemon(
        random_string("rival-"),
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


@pytest.fixture(scope="module")
def shared_minion(master, rival):
    """ctl3, which serves both masters."""
    addresses = [f"127.0.0.1:{one.config['ret_port']}" for one in (master, rival)]
    minion = master.salt_minion_daemon("ctl3", overrides={"master": addresses})
    with minion.started():
        synced = master.salt_cli().run("saltutil.sync_all", minion_tgt=minion.id)
        assert synced.returncode == 0, synced
        yield minion


def _decision(master):
    result = master.salt_run_cli().run("openstack_ha_galera.elect", "demo")
    assert result.returncode == 0, result
    return result.data["decision"]


def test_only_the_master_that_is_obeyed_decides(master, rival, shared_minion):
    def asked(one):
        return "obeys" not in _decision(one)["why"]

    def leave():
        master.salt_cli().run("openstack_ha_master.leave", minion_tgt=shared_minion.id)

    leave()
    assert (asked(master), asked(rival)) == (True, False)
    leave()
    assert (asked(rival), asked(master)) == (True, False)
    # So do the other minions of this host, whose word it is too.
    assert f"ctl3 obeys the master {rival.id}" in _decision(master)["why"]
