"""Keystone on the one controller of solo, by the master's word: keys, schema, administrator."""

import contextlib
import json
import pathlib
import shutil
import subprocess

import openstack_ha_fernet
import pytest

KEYS = ("/etc/keystone/fernet-keys", "/etc/keystone/credential-keys")
CONFIRMED = pathlib.Path("/var/lib/openstack_ha/keystone-keys")


@pytest.fixture(scope="session")
def keyring_file(master):
    folder = master.config.get("openstack_ha_keys", "/var/lib/openstack_ha_keys")
    return pathlib.Path(folder, "solo.keystone.json")


@pytest.fixture(scope="module")
def configured(applied, keyring_file):
    """All that Keystone needs, and nothing of its own: whatever another file has left is gone."""
    subprocess.run(["systemctl", "stop", "keystone"], check=False)
    keyring_file.unlink(missing_ok=True)
    CONFIRMED.unlink(missing_ok=True)
    for folder in KEYS:
        shutil.rmtree(folder, ignore_errors=True)
    applied("python", "hosts", "galera")
    subprocess.run(["mariadb", "--execute", "DROP DATABASE keystone"], check=True)
    # Its accounts have it made again.
    applied("galera", "keystone.config")


@pytest.fixture(scope="module")
def served(applied, configured):
    applied("keystone")


@contextlib.contextmanager
def _lost(path):
    aside = path.with_suffix(".aside")
    path.rename(aside)
    try:
        yield
    finally:
        aside.rename(path)


def test_test_mode_names_what_the_master_would_be_asked_for(apply, configured, keyring_file):
    states, _ = apply("keystone", test=True)
    by_id = {one["__id__"]: one for one in states}
    assert by_id["openstack_ha_keystone_prepared"]["result"] is None
    assert list(by_id["openstack_ha_keystone_prepared"]["changes"]) == ["keys", "administrator"]
    assert by_id["openstack_ha_keystone_schema"]["result"] is None
    assert not keyring_file.exists()


def test_the_masters_word_brings_keys_schema_and_administrator(
    served, run, planned, on_node, keyring_file
):
    for system in ("db_sync", "keystone"):
        # Other services' schemas are not made yet.
        (decision,) = [
            one
            for one in planned("solo", system, "solo1")["decisions"]
            if one.get("subject", "keystone") == "keystone"
        ]
        assert decision["verdict"] == "settled", decision
    keys = run("openstack_ha_keystone.keys", "solo")
    assert on_node("openstack_ha_keystone.fingerprints") == {
        name: keys[name] for name in ("fernet", "credential")
    }
    assert keyring_file.stat().st_mode & 0o777 == 0o600


def test_a_second_run_changes_nothing(served, applied):
    for more in ({}, {"test": True}):
        assert not [one for one in applied("keystone", **more) if one["changes"]]


def test_the_word_names_who_looks_after_the_objects(served, run, on_node):
    run("openstack_ha_coordinator.answer", "solo", "keystone")
    assert on_node("openstack_ha_word.last", "keystone")["owner"] == "solo1"
    assert on_node("openstack_ha_identity.is_owner") is True


def test_a_rotation_reaches_the_node(served, run, on_node):
    before = run("openstack_ha_keystone.keys", "solo")["fernet"]
    after = run("openstack_ha_keystone.rotate", "solo")["fernet"]
    # The staged key is the primary one, under the next number.
    assert after[max(after, key=int)] == before["0"]
    assert on_node("openstack_ha_keystone.fingerprints")["fernet"] == after


def test_a_master_that_lost_its_keys_makes_no_new_ones_and_adopts(
    served, run, planned, on_node, keyring_file
):
    with _lost(keyring_file):
        refused = run("openstack_ha_coordinator.answer", "solo", "keystone")[-1]
        assert not keyring_file.exists()
        keys = run("openstack_ha_keystone.adopt", "solo", node="solo1")
        assert {name: keys[name] for name in ("fernet", "credential")} == on_node(
            "openstack_ha_keystone.fingerprints"
        )
    assert (refused["verdict"], refused["nodes"]) == ("refuse", ["solo1"])
    (decision,) = planned("solo", "keystone", "solo1")["decisions"]
    assert decision["verdict"] == "settled", decision


def test_an_older_copy_of_the_masters_keys_is_not_given(
    served, run, planned, on_node, keyring_file
):
    older = keyring_file.read_bytes()
    run("openstack_ha_keystone.rotate", "solo")
    has = on_node("openstack_ha_keystone.fingerprints")
    with _lost(keyring_file):
        keyring_file.write_bytes(older)
        (decision,) = planned("solo", "keystone", "solo1")["decisions"]
        assert (decision["verdict"], decision["nodes"]) == ("refuse", ["solo1"]), decision
        assert run("openstack_ha_coordinator.answer", "solo", "keystone")[-1]["verdict"] == "refuse"
    assert on_node("openstack_ha_keystone.fingerprints") == has


def test_another_masters_keys_are_not_replaced(served, run, on_node, keyring_file):
    has = on_node("openstack_ha_keystone.fingerprints")
    with _lost(keyring_file):
        keyring_file.write_text(json.dumps(openstack_ha_fernet.created(0)), encoding="utf-8")
        assert run("openstack_ha_coordinator.answer", "solo", "keystone")[-1]["verdict"] == "refuse"
    assert on_node("openstack_ha_keystone.fingerprints") == has


def test_no_key_is_a_job_or_stands_in_a_log(served, on_node, keyring_file, salt_factories_config):
    assert "shows no key" in str(on_node("openstack_ha_fernet.keyring", "solo"))
    on_node("openstack_ha_keystone.take_keys")
    keyring = json.loads(keyring_file.read_text(encoding="utf-8"))
    keys = {*keyring["fernet"].values(), *keyring["credential"].values()}
    logs = list(pathlib.Path(salt_factories_config["root_dir"]).rglob("*.log"))
    assert logs
    for log in logs:
        text = log.read_text(encoding="utf-8", errors="replace")
        assert not [key for key in keys if key in text], log
