"""Keystone on the one controller of solo, by the master's word: keys, schema, administrator."""

import contextlib
import json
import pathlib

import openstack_ha_fernet
import pytest


@pytest.fixture(scope="module")
def solo(master, start_minion):
    with start_minion("solo1").started() as minion:
        synced = master.salt_cli().run("saltutil.sync_all", minion_tgt=minion.id)
        assert synced.returncode == 0, synced
        yield minion


@pytest.fixture(scope="module")
def apply(master, solo):
    """Return a function that applies states of one system to solo's controller."""

    def call(system, **more):
        result = master.salt_cli().run(
            "state.apply", f"openstack_ha.{system}", minion_tgt=solo.id, **more
        )
        assert isinstance(result.data, dict), result
        return list(result.data.values()), result

    for system in ("python", "hosts", "galera", "keystone.config"):
        states, result = call(system)
        assert all(one["result"] for one in states), result
    return call


@pytest.fixture
def on_node(master, solo):
    """Return a function that runs a module's function on solo's controller."""

    def call(function, *more):
        return master.salt_cli().run(function, *more, minion_tgt=solo.id).data

    return call


@pytest.fixture(scope="module")
def keyring_file(master):
    folder = master.config.get("openstack_ha_keys", "/var/lib/openstack_ha_keys")
    return pathlib.Path(folder, "solo.keystone.json")


@contextlib.contextmanager
def _lost(path):
    aside = path.with_suffix(".aside")
    path.rename(aside)
    try:
        yield
    finally:
        aside.rename(path)


def test_test_mode_names_what_the_master_would_be_asked_for(apply, keyring_file):
    states, _ = apply("keystone", test=True)
    by_id = {one["__id__"]: one for one in states}
    assert by_id["openstack_ha_keystone_prepared"]["result"] is None
    assert list(by_id["openstack_ha_keystone_prepared"]["changes"]) == ["keys", "administrator"]
    assert by_id["openstack_ha_keystone_schema"]["result"] is None
    assert not keyring_file.exists()


def test_the_masters_word_brings_keys_schema_and_administrator(apply, run, on_node, keyring_file):
    states, result = apply("keystone")
    assert all(one["result"] for one in states), result
    schema = run("openstack_ha_db_sync.elect", "solo")["decisions"]["keystone"]
    assert schema["verdict"] == "settled"
    found = run("openstack_ha_keystone.elect", "solo")
    assert found["decision"]["verdict"] == "settled"
    assert found["rotation"] == {"due": False, "waits_for": None}
    keys = run("openstack_ha_keystone.keys", "solo")
    assert on_node("openstack_ha_keystone.fingerprints") == {
        name: keys[name] for name in ("fernet", "credential")
    }
    assert keyring_file.stat().st_mode & 0o777 == 0o600


def test_a_second_run_changes_nothing(apply):
    for more in ({}, {"test": True}):
        states, result = apply("keystone", **more)
        assert all(one["result"] is True and not one["changes"] for one in states), result


def test_the_word_names_who_looks_after_the_objects(run, on_node):
    run("openstack_ha_keystone.answer", "solo")
    assert on_node("openstack_ha_word.last", "keystone")["owner"] == "solo1"
    assert on_node("openstack_ha_identity.is_owner") is True


def test_a_rotation_reaches_the_node(run, on_node):
    before = run("openstack_ha_keystone.keys", "solo")["fernet"]
    after = run("openstack_ha_keystone.rotate", "solo")["fernet"]
    assert after["2"] == before["0"]
    assert on_node("openstack_ha_keystone.fingerprints")["fernet"] == after


def test_a_master_that_lost_its_keys_makes_no_new_ones_and_adopts(run, on_node, keyring_file):
    with _lost(keyring_file):
        refused = run("openstack_ha_keystone.answer", "solo")[-1]
        assert not keyring_file.exists()
        keys = run("openstack_ha_keystone.adopt", "solo", node="solo1")
        assert {name: keys[name] for name in ("fernet", "credential")} == on_node(
            "openstack_ha_keystone.fingerprints"
        )
    assert (refused["verdict"], refused["nodes"]) == ("refuse", ["solo1"])
    assert run("openstack_ha_keystone.elect", "solo")["decision"]["verdict"] == "settled"


def test_another_masters_keys_are_not_replaced(run, on_node, keyring_file):
    has = on_node("openstack_ha_keystone.fingerprints")
    with _lost(keyring_file):
        keyring_file.write_text(json.dumps(openstack_ha_fernet.created(0)), encoding="utf-8")
        assert run("openstack_ha_keystone.answer", "solo")[-1]["verdict"] == "refuse"
    assert on_node("openstack_ha_keystone.fingerprints") == has


def test_no_key_is_a_job_or_stands_in_a_log(
    master, solo, on_node, keyring_file, salt_factories_config
):
    assert "shows no key" in str(
        master.salt_cli().run("openstack_ha_fernet.keyring", "solo", minion_tgt=solo.id).data
    )
    on_node("openstack_ha_keystone.take_keys")
    keyring = json.loads(keyring_file.read_text(encoding="utf-8"))
    keys = {*keyring["fernet"].values(), *keyring["credential"].values()}
    logs = list(pathlib.Path(salt_factories_config["root_dir"]).rglob("*.log"))
    assert logs
    for log in logs:
        text = log.read_text(encoding="utf-8", errors="replace")
        assert not [key for key in keys if key in text], log
