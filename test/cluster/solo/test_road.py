"""The whole road on the one controller of solo: highstate, doorbell, word, Synced, accounts."""

import json
import pathlib
import subprocess
import time

import pytest
from support import example, leaves


@pytest.fixture(scope="module")
def stopped(solo):
    """A server that does not run; it has never run, or its cluster was switched off."""
    subprocess.run(["systemctl", "stop", "mariadb"], check=True)


@pytest.fixture(scope="module")
def member(applied, stopped):
    applied("galera")


def test_test_mode_names_what_would_be_done(apply, stopped):
    states, _ = apply("galera", test=True)
    (found,) = [one for one in states if one["__id__"] == "openstack_ha_galera_member"]
    assert found["result"] is None
    assert found["changes"] == {"member": {"old": "stopped", "new": "Synced"}}


def test_the_master_gives_the_word_and_the_server_is_synced(member, planned):
    (decision,) = planned("solo", "galera", "solo1")["decisions"]
    assert decision["verdict"] == "settled", decision


def test_a_second_run_changes_nothing(member, applied):
    for more in ({}, {"test": True}):
        assert not [one for one in applied("galera", **more) if one["changes"]]


def test_a_look_without_a_reason_keeps_the_floor_and_rings_for_nobody(member, run, planned):
    run("openstack_ha_coordinator.answer", "solo", "galera")
    record = run("openstack_ha_record.read", "solo.galera")
    low = {**record, "floor": {**record["floor"], "seqno": 0}}
    run("openstack_ha_record.keep", "solo.galera", json.dumps(low))
    assert "galera" not in run("openstack_ha.reconcile", "solo")["solo"]
    assert run("openstack_ha_record.read", "solo.galera")["floor"]["seqno"] > 0
    plan = planned("solo", "galera", "solo1")
    uuid = plan["evidence"]["solo1"]["wsrep"]["state_uuid"]
    assert plan["kept"]["galera"]["floor"]["uuid"] == uuid


def test_a_look_without_a_reason_rings_for_what_is_new(member, event_listener, master, run):
    run("openstack_ha_record.keep", "solo.galera", "{}")
    begin = time.time()
    assert "galera" in run("openstack_ha.reconcile", "solo")["solo"]
    patterns = [(master.id, f"openstack_ha/solo/galera/{end}") for end in ("doorbell", "decision")]
    assert event_listener.wait_for_events(patterns, after_time=begin, timeout=300).found_all_events


def test_no_secret_in_any_log(salt_factories_config, member):
    secrets = set(leaves(example()["secrets"]))
    logs = list(pathlib.Path(salt_factories_config["root_dir"]).rglob("*.log"))
    assert logs
    for log in logs:
        text = log.read_text(encoding="utf-8", errors="replace")
        assert "[DEBUG" in text, f"{log} is not at debug level"
        for secret in secrets:
            assert secret not in text, f"{secret} stands in {log}"
