"""Doorbells of demo: they make the master look, and they carry nothing."""

import time

import pytest


@pytest.fixture
def decisions_after(master, event_listener):
    """Return a function that waits for decisions of the master since a time."""

    def since(begin):
        pattern = (master.id, "openstack_ha/demo/galera/decision")
        found = event_listener.wait_for_events([pattern], after_time=begin, timeout=300)
        return [event.data for event in found.matches]

    return since


@pytest.fixture
def looked(first_look, answered, controllers):
    """The master has looked at demo's Galera, and ctl3 has not answered."""
    return answered("galera", "demo")


def test_every_minion_sees_its_own_view_only(ask, controllers):
    seen = ask("ctl*", "config.get", "openstack_ha:view_of")
    assert seen == {minion.id: minion.id for minion in controllers}


def test_secret_is_no_job(ask, controllers):
    said = ask("ctl1", "openstack_ha.secret", "haproxy:stats")
    assert "serves templates and modules, not jobs" in str(said)


def test_a_doorbell_makes_the_master_look(ask, looked, decisions_after, run, planned):
    # Only a decision that is new is an event.
    run("openstack_ha_record.keep", "demo.galera", "{}")
    begin = time.time()
    assert ask("ctl1", "event.send", "openstack_ha/demo/galera/doorbell") is True
    (decision,) = decisions_after(begin)
    assert decision["verdict"] == "wait"
    assert decision["why"] == "ctl3 did not answer, and could know better"
    plan = planned("demo", "galera", "ctl1", "ctl2")
    assert [one["verdict"] for one in plan["decisions"]] == ["wait"]
    assert plan["evidence"]["ctl3"] is None
    assert plan["evidence"]["ctl1"]["is_pristine"] is True


def test_the_word_reaches_who_waits(ask, looked):
    word = ask("ctl1", "openstack_ha_word.last", "galera")
    assert (word["verdict"], word["why"]) == (
        "wait",
        "ctl3 did not answer, and could know better",
    )


def test_a_lease_is_free_when_its_owner_has_ended(run):
    token = run("openstack_ha_lease.acquire", "test.lease", 3600)
    assert token
    # The command that took it has ended, as a master's process does when it is restarted.
    other = run("openstack_ha_lease.acquire", "test.lease", 3600)
    assert other not in (None, token)
    assert run("openstack_ha_lease.renew", "test.lease", token, 60) is None


@pytest.mark.usefixtures("controllers", "first_look")
def test_recover_says_what_it_would_do_and_does_nothing(run):
    decision = run("openstack_ha_galera.recover", "demo")
    assert decision["verdict"] == "wait"
    decision = run("openstack_ha_galera.recover", "demo", "node=ctl1")
    assert decision["verdict"] == "refuse"
    assert decision["why"] == "ctl1 has no data with a known position to start from"


@pytest.fixture
def edited(cluster_files, ask, controllers):
    """Return a function that edits a cluster's file, and tells the controllers to read theirs."""
    good = {}

    def edit(cluster, *replaced):
        path = cluster_files[cluster]
        good[path] = text = path.read_text(encoding="utf-8")
        for old, new in replaced:
            assert old in text
            text = text.replace(old, new)
        path.write_text(text, encoding="utf-8")
        ask("ctl*", "saltutil.refresh_pillar", "wait=True")

    yield edit
    for path, text in good.items():
        path.write_text(text, encoding="utf-8")
    ask("ctl*", "saltutil.refresh_pillar", "wait=True")


WRONG_VIP = ("172.29.80.100", "10.0.0.1")


@pytest.fixture
def checked(master):
    """Return a function that gives what the check has found by file, where there is a fault."""

    def check():
        result = master.salt_run_cli().run("openstack_ha.check")
        assert result.returncode == 1, result
        return result.data["files"]

    return check


def test_a_bad_cluster_file_changes_nothing(edited, master, checked, cluster_files):
    edited(
        "demo",
        WRONG_VIP,
        ("172.29.80.0/24", "172.29.80.0/22"),
        ("- controller", "- contrller"),
    )
    result = master.salt_cli().run("state.apply", "openstack_ha", minion_tgt="ctl1")
    assert result.returncode != 0
    assert "Pillar failed to render" in str(result.data)
    assert "10.0.0.1 lies outside network:management 172.29.80.0/22" in str(result.data)
    assert "'contrller' is not one of" in str(result.data)
    found = checked()
    assert found[str(cluster_files["solo"])]["faults"] == []
    faults = found[str(cluster_files["demo"])]["faults"]
    assert [one for one in faults if "10.0.0.1 lies outside" in one]


def test_a_node_of_two_clusters_is_a_fault(edited, cluster_files, checked, ask):
    edited("crowd", ("cmp[001-200]:", "ctl2:"), (".50-249", ".50"))
    faults = {path: one["faults"] for path, one in checked().items()}
    results = ask("ctl*", "state.apply", "openstack_ha.hosts", "test=True")
    assert faults[str(cluster_files["demo"])] == []
    (fault,) = faults[str(cluster_files["crowd"])]
    assert fault.startswith("openstack_ha:nodes:ctl2: ctl2 is a node in")
    assert "ctl2 is a node of demo too" in str(results["ctl2"])
    assert "Pillar failed to render" not in str(results["ctl1"])


@pytest.mark.usefixtures("controllers", "first_look")
def test_a_look_without_a_reason_rings_although_somebody_is_silent(event_listener, master, run):
    """What rings for nobody is in solo's tests, where nobody is silent."""
    begin = time.time()
    found = run("openstack_ha.reconcile", "demo")
    assert "galera" in found["demo"], found
    patterns = [(master.id, f"openstack_ha/demo/galera/{end}") for end in ("doorbell", "decision")]
    assert event_listener.wait_for_events(patterns, after_time=begin, timeout=300).found_all_events


def test_secrets_go_to_a_file_and_nowhere_else(cluster_files, run, tmp_path):
    destination = tmp_path / "secrets.yaml"
    returned = run("openstack_ha.secrets", str(cluster_files["demo"]), str(destination))
    assert returned == str(destination)
    assert destination.stat().st_mode & 0o777 == 0o600
    assert "erlang_cookie" in destination.read_text(encoding="utf-8")
