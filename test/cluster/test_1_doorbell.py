"""Doorbells of demo: they make the master look, and they carry nothing."""

import time

import pytest
from support import await_until

FORGED = {
    "of no cluster": "openstack_ha/nobody/galera/doorbell",
    "with a path": "openstack_ha/..%2fdemo/galera/doorbell",
    "with a template": "openstack_ha/{{ 7 * 7 }}/galera/doorbell",
}


@pytest.fixture
def ring(master, controllers):
    """Return a function that fires an event from a minion."""

    def fire(tag, data=None):
        call = controllers[0].salt_call_cli()
        assert call.run("event.send", tag, data or {}).returncode == 0

    return fire


@pytest.fixture
def decisions_after(master, event_listener):
    """Return a function that waits for decisions of the master since a time."""

    def since(begin):
        pattern = (master.id, "openstack_ha/demo/galera/decision")
        found = event_listener.wait_for_events([pattern], after_time=begin, timeout=90)
        return [event.data for event in found.matches]

    return since


def test_every_minion_sees_its_own_view_only(master, controllers):
    result = master.salt_cli().run("config.get", "openstack_ha:view_of", minion_tgt="ctl*")
    assert result.data == {minion.id: minion.id for minion in controllers}


def test_secret_is_no_job(master, controllers):
    result = master.salt_cli().run("openstack_ha.secret", "haproxy:stats", minion_tgt="ctl1")
    assert "serves templates and modules, not jobs" in str(result.data)


def test_a_doorbell_makes_the_master_look(ring, decisions_after, run, answered):
    # Only a decision that is new is an event, and the minions' starts have rung as well.
    answered("galera", "demo")
    run("openstack_ha_record.keep", "demo.galera", "{}")
    begin = time.time()
    ring("openstack_ha/demo/galera/doorbell")
    (decision,) = decisions_after(begin)
    assert decision["verdict"] == "wait"
    assert decision["why"] == "ctl3 did not answer, and could know better"
    elected = run("openstack_ha_galera.elect", "demo")
    assert elected["decision"]["verdict"] == "wait"
    assert elected["evidence"]["ctl3"] is None
    assert elected["evidence"]["ctl1"]["is_pristine"] is True


def test_the_word_reaches_who_waits(master, controllers):
    word = master.salt_cli().run("openstack_ha_word.last", "galera", minion_tgt="ctl1").data
    assert (word["verdict"], word["why"]) == (
        "wait",
        "ctl3 did not answer, and could know better",
    )


@pytest.mark.usefixtures("first_look")
@pytest.mark.parametrize("tag", FORGED.values(), ids=FORGED)
def test_a_forged_doorbell_decides_nothing(ring, run, tag):
    before = run("openstack_ha_lease.show", "demo.galera")
    ring(tag, {"verdict": "bootstrap", "nodes": ["ctl1"], "name": "demo"})
    # The true one behind it has been answered, so the forged one has been dealt with.
    ring("openstack_ha/demo/galera/doorbell", {"verdict": "bootstrap", "nodes": ["ctl1"]})
    rings = before["rings"]
    await_until(
        lambda: run("openstack_ha_lease.show", "demo.galera")["rings"] != rings,
        120,
        "the answer to the true doorbell",
    )
    assert run("openstack_ha_galera.elect", "demo")["decision"]["verdict"] == "wait"


def test_a_lease_is_free_when_its_owner_has_ended(run):
    token = run("openstack_ha_lease.acquire", "test.lease", 3600)
    assert token
    # The command that took it has ended, as a master's process does when it is restarted.
    other = run("openstack_ha_lease.acquire", "test.lease", 3600)
    assert other not in (None, token)
    assert run("openstack_ha_lease.renew", "test.lease", token, 60) is None


@pytest.mark.usefixtures("first_look")
def test_recover_says_what_it_would_do_and_does_nothing(run):
    decision = run("openstack_ha_galera.recover", "demo")
    assert decision["verdict"] == "wait"
    decision = run("openstack_ha_galera.recover", "demo", "node=ctl1")
    assert decision["verdict"] == "refuse"
    assert decision["why"] == "ctl1 has no data with a known position to start from"


def test_a_bad_cluster_file_changes_nothing(master, controllers, cluster_files):
    good = cluster_files["demo"].read_text(encoding="utf-8")
    bad = good.replace("172.29.80.100", "10.0.0.1").replace("172.29.80.0/24", "172.29.80.0/22")
    cluster_files["demo"].write_text(bad.replace("- controller", "- contrller"), encoding="utf-8")
    try:
        master.salt_cli().run("saltutil.refresh_pillar", "wait=True", minion_tgt="ctl*")
        result = master.salt_cli().run("state.apply", "openstack_ha", minion_tgt="ctl1")
    finally:
        cluster_files["demo"].write_text(good, encoding="utf-8")
        master.salt_cli().run("saltutil.refresh_pillar", "wait=True", minion_tgt="ctl*")
    assert result.returncode != 0
    assert "Pillar failed to render" in str(result.data)
    assert "10.0.0.1 lies outside network:management 172.29.80.0/22" in str(result.data)
    assert "'contrller' is not one of" in str(result.data)


def test_check_names_every_fault(cluster_files, run):
    good = cluster_files["demo"].read_text(encoding="utf-8")
    cluster_files["demo"].write_text(good.replace("172.29.80.100", "10.0.0.1"), encoding="utf-8")
    try:
        faults = run("openstack_ha.check")
    finally:
        cluster_files["demo"].write_text(good, encoding="utf-8")
    assert faults[str(cluster_files["solo"])] == []
    (fault,) = faults[str(cluster_files["demo"])]
    assert fault.startswith("openstack_ha:vip:address: 10.0.0.1 lies outside")


def test_a_node_of_two_clusters_is_a_fault(master, controllers, cluster_files, run):
    good = cluster_files["solo"].read_text(encoding="utf-8")
    bad = good.replace("cmp[001-200]:", "ctl2:").replace(".50-249", ".50")
    cluster_files["solo"].write_text(bad, encoding="utf-8")
    try:
        faults = run("openstack_ha.check")
        master.salt_cli().run("saltutil.refresh_pillar", "wait=True", minion_tgt="ctl*")
        results = {
            minion.id: master.salt_cli().run(
                "state.apply", "openstack_ha.hosts", "test=True", minion_tgt=minion.id
            )
            for minion in controllers
        }
    finally:
        cluster_files["solo"].write_text(good, encoding="utf-8")
        master.salt_cli().run("saltutil.refresh_pillar", "wait=True", minion_tgt="ctl*")
    assert faults[str(cluster_files["demo"])] == []
    (fault,) = faults[str(cluster_files["solo"])]
    assert fault.startswith("openstack_ha:nodes:ctl2: ctl2 is a node in")
    assert "ctl2 is a node of demo too" in str(results["ctl2"].data)
    assert "Pillar failed to render" not in str(results["ctl1"].data)


@pytest.mark.usefixtures("first_look")
def test_a_look_without_a_reason_rings_for_what_is_new(event_listener, master, run, answered):
    begin = time.time()
    found = run("openstack_ha.reconcile", "demo")
    assert "galera" in found["demo"], found
    # Whose answer is the decision that the next look finds known: ctl3 is still silent.
    patterns = [(master.id, f"openstack_ha/demo/galera/{end}") for end in ("doorbell", "decision")]
    assert event_listener.wait_for_events(patterns, after_time=begin, timeout=90).found_all_events
    # Nothing rings while somebody is at it.
    answered("galera", "demo")
    assert "galera" not in run("openstack_ha.reconcile", "demo")["demo"]


def test_secrets_go_to_a_file_and_nowhere_else(cluster_files, run, tmp_path):
    destination = tmp_path / "secrets.yaml"
    returned = run("openstack_ha.secrets", str(cluster_files["demo"]), str(destination))
    assert returned == str(destination)
    assert destination.stat().st_mode & 0o777 == 0o600
    assert "erlang_cookie" in destination.read_text(encoding="utf-8")
