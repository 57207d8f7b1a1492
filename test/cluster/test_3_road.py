"""The whole road on the one controller of solo: highstate, doorbell, word, Synced, accounts."""

import json
import pathlib

import pytest
from support import example, leaves


@pytest.fixture(scope="module")
def solo(master, start_minion):
    with start_minion("solo1").started() as minion:
        synced = master.salt_cli().run("saltutil.sync_all", minion_tgt=minion.id)
        assert synced.returncode == 0, synced
        yield minion


@pytest.fixture(scope="module")
def apply(master, solo):
    """Return a function that applies the Galera states to solo's controller."""

    def call(**more):
        result = master.salt_cli().run(
            "state.apply", "openstack_ha.galera", minion_tgt=solo.id, **more
        )
        return list(result.data.values()), result

    return call


def test_test_mode_names_what_would_be_done(apply):
    states, _ = apply(test=True)
    (member,) = [one for one in states if one["__id__"] == "openstack_ha_galera_member"]
    assert member["result"] is None
    assert member["changes"] == {"member": {"old": "stopped", "new": "Synced"}}


def test_the_master_gives_the_word_and_the_server_is_synced(apply, run):
    states, result = apply()
    failed = [one for one in states if one["result"] is not True]
    assert not failed, result
    record = run("openstack_ha_galera.elect", "solo")
    assert record["decision"]["verdict"] == "settled"


def test_a_second_run_changes_nothing(apply):
    for more in ({}, {"test": True}):
        states, result = apply(**more)
        assert all(one["result"] is True and not one["changes"] for one in states), result


def test_a_look_without_a_reason_keeps_the_floor_and_rings_for_nobody(run):
    run("openstack_ha_galera.answer", "solo")
    record = run("openstack_ha_record.read", "solo.galera")
    low = {**record, "floor": {**record["floor"], "seqno": 0}}
    run("openstack_ha_record.keep", "solo.galera", json.dumps(low))
    assert "galera" not in run("openstack_ha.reconcile", "solo")["solo"]
    assert run("openstack_ha_record.read", "solo.galera")["floor"]["seqno"] > 0
    floor = run("openstack_ha_galera.elect", "solo")["floor"]
    assert (
        floor["uuid"] == run("openstack_ha_galera.evidence", "solo")["solo1"]["wsrep"]["state_uuid"]
    )


def test_no_secret_in_any_log(salt_factories_config, solo):
    secrets = set(leaves(example()["secrets"]))
    logs = list(pathlib.Path(salt_factories_config["root_dir"]).rglob("*.log"))
    assert logs
    for log in logs:
        text = log.read_text(encoding="utf-8", errors="replace")
        assert "[DEBUG" in text, f"{log} is not at debug level"
        for secret in secrets:
            assert secret not in text, f"{secret} stands in {log}"
