"""
Boots: one orchestration for all that come up together, and nothing for whoever is no node.

All minions of the tier share this host and so its marks; only solo's node is asked while the host
counts as deployed.
"""

import contextlib
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest
from support import await_until

DEPLOYED = pathlib.Path("/var/lib/openstack_ha/deployed")
REJOINED = pathlib.Path("/run/openstack_ha/rejoined")
NODES = 200
# Of a controller without Swift, in their order.
SYSTEMS = (
    "hosts",
    "galera",
    "rabbitmq",
    "memcached",
    "keystone",
    "placement",
    "health",
    "haproxy",
    "keepalived",
    "keystone.identity",
)


@pytest.fixture(scope="module")
def highstate(master, solo):
    """The operator's deployment; it leaves the marks."""
    for mark in (DEPLOYED, REJOINED):
        mark.unlink(missing_ok=True)
    result = master.salt_cli().run("state.apply", "openstack_ha", minion_tgt=solo.id)
    assert result.returncode == 0, result
    assert DEPLOYED.exists()
    assert REJOINED.exists()
    return solo


@pytest.fixture
def deployed(highstate):
    """A node that was deployed once, and has booted since."""
    DEPLOYED.touch()
    REJOINED.unlink(missing_ok=True)
    yield highstate
    DEPLOYED.unlink()


@pytest.fixture
def fire(bus):
    """Return a function that fires start events of minion ids on the master's bus."""

    def start(*ids):
        for one in ids:
            assert bus.fire_event({"id": one, "data": ""}, f"salt/minion/{one}/start")

    return start


@pytest.fixture
def rings(master):
    """Return a function that counts the boots that were noted."""
    path = pathlib.Path(master.config["cachedir"], "openstack_ha/leases/rejoin.booted.json")

    def count():
        with contextlib.suppress(FileNotFoundError, ValueError):
            return json.loads(path.read_text(encoding="utf-8")).get("rings", 0)
        return 0

    return count


def state_jobs(events):
    """What state runs were published, e.g. ["openstack_ha.galera"]."""
    return [
        event.data["arg"][0] for event in events if event.data.get("fun", "").startswith("state.")
    ]


def test_a_node_that_was_never_deployed_is_not_touched(solo, fire, rings, since, run):
    DEPLOYED.unlink(missing_ok=True)
    before, begin = rings(), time.time()
    fire("solo1")
    await_until(lambda: rings() > before, 300, "the event", rings)
    await_until(lambda: run("openstack_ha_rejoin.answer", "solo") == [], 300, "the last answer")
    assert not state_jobs(since(begin, "salt/job/*/new"))


def test_a_node_has_applied_what_its_whole_highstate_was_made_of(highstate, master):
    result = master.salt_run_cli().run("openstack_ha.diff", "solo")
    assert result.returncode == 0, result
    differs = ("options", "secrets", "services", "decides", "new", "gone", "unknown")
    assert not any(result.data[key] for key in differs)


def test_a_booted_node_comes_back_system_by_system(deployed, since, run):
    begin = time.time()
    deployed.terminate()
    deployed.start()
    await_until(lambda: since(begin, "openstack_ha/solo/rejoin/done"), 900, "the end")
    (done,) = since(begin, "openstack_ha/solo/rejoin/done")
    assert done.data["nodes"] == {"solo1": {"is_back": True, "step": None, "why": None}}
    assert state_jobs(since(begin, "salt/job/*/new")) == [
        f"openstack_ha.{system}" for system in SYSTEMS
    ]
    assert REJOINED.exists()
    assert run("openstack_ha_record.read", "solo.rejoin")["nodes"] == done.data["nodes"]
    assert since(begin, "openstack_ha/solo/galera/doorbell"), "Galera was not looked after at once"


def test_a_minion_that_starts_again_on_a_running_host_is_left_alone(deployed, since, run):
    REJOINED.touch()
    begin = time.time()
    assert run("openstack_ha_rejoin.reconcile", "solo") == {"solo": []}
    assert not state_jobs(since(begin, "salt/job/*/new"))


@pytest.mark.parametrize("count", [100, pytest.param(1000, marks=pytest.mark.long)])
def test_many_boots_in_one_second_are_one_batch(deployed, fire, rings, since, run, count):
    """Of another cluster's nodes, which are not there, of strangers, and of one node that is."""
    ids = [f"cmp{number % NODES + 1:03}" for number in range(count // 2)]
    ids += [f"stranger{number}" for number in range(count - len(ids))]
    ids[count // 2] = "solo1"
    before, begin = rings(), time.time()
    fire(*ids)
    fired = time.time() - begin
    await_until(lambda: rings() >= before + count, 1800, "every event", lambda: rings() - before)
    noted = time.time() - begin
    await_until(lambda: since(begin, "openstack_ha/solo/rejoin/done"), 900, "the end")
    await_until(lambda: run("openstack_ha_rejoin.answer", "solo") == [], 300, "the last answer")
    jobs = state_jobs(since(begin, "salt/job/*/new"))
    print(f"{count} events: fired in {fired:.2f} s, noted in {noted:.1f} s, {len(jobs)} state jobs")
    assert len(since(begin, "openstack_ha/solo/rejoin/done")) == 1
    assert len(jobs) == len(set(jobs)) == len(SYSTEMS)


def test_a_state_run_in_progress_is_left_alone_and_the_schedule_comes_later(
    master, deployed, since, run, on_node, tmp_path
):
    """The operator's own highstate at the moment of the boot."""

    def running_states():
        return on_node("saltutil.is_running", "state.*")

    begin, told = time.time(), tmp_path / "told"
    wait = f"name=until test -e {told}; do sleep 0.1; done"
    job = master.salt_cli().run("--async", "state.single", "cmd.run", wait, minion_tgt="solo1")
    assert job.returncode == 0, job
    await_until(running_states, 300, "the operator's run")
    assert run("openstack_ha_rejoin.reconcile", "solo") == {"solo": []}
    assert running_states()
    told.touch()
    await_until(lambda: running_states() == [], 300, "the end of the operator's run")
    assert len(state_jobs(since(begin, "salt/job/*/new"))) == 1
    (batch,) = run("openstack_ha_rejoin.reconcile", "solo")["solo"]
    assert batch["nodes"]["solo1"]["is_back"] is True


def test_what_fails_is_named(deployed, since, run):
    """The step, the node and the reason; later steps are not taken, and the mark is not set."""
    begin = time.time()
    subprocess.run(["systemctl", "mask", "--now", "haproxy"], check=True)
    try:
        (batch,) = run("openstack_ha_rejoin.reconcile", "solo")["solo"]
    finally:
        subprocess.run(["systemctl", "unmask", "haproxy"], check=True)
    assert batch["nodes"]["solo1"]["is_back"] is False
    assert batch["nodes"]["solo1"]["step"] == "haproxy"
    assert "openstack_ha_haproxy" in batch["nodes"]["solo1"]["why"]
    assert "openstack_ha.keepalived" not in state_jobs(since(begin, "salt/job/*/new"))
    assert not REJOINED.exists()


def test_a_stranger_triggers_nothing(start_minion, since, reacted):
    """A minion whose key is accepted, and whose id is in no cluster file."""
    begin = time.time()
    with start_minion("stranger").started():
        reacted(begin, "stranger")
    assert not since(begin, "openstack_ha/*/doorbell")
    assert not [one for one in since(begin, "salt/job/*/new") if "openstack_ha" in str(one.data)]


@pytest.fixture
def nobody_accepts_keys(master):
    handlers = master.event_listener.auth_event_handlers
    accept = handlers.pop(master.id)
    yield
    handlers[master.id] = accept


def asked(since, begin, minion_id):
    return [event for event in since(begin, "salt/auth") if event.data["id"] == minion_id]


@pytest.mark.usefixtures("nobody_accepts_keys")
def test_a_minion_whose_key_is_not_accepted_triggers_nothing(master, start_minion, rings, since):
    before, begin = rings(), time.time()
    minion = start_minion("ctl4")
    program = pathlib.Path(sys.executable).with_name("salt-minion")
    argv = [program, "-c", minion.config_dir, "--log-level=quiet"]
    daemon = subprocess.Popen(argv, start_new_session=True)
    try:
        pending = pathlib.Path(master.config["pki_dir"], "minions_pre/ctl4")
        # It asks a second time when it has been told that its key waits.
        await_until(lambda: len(asked(since, begin, "ctl4")) > 1, 120, "its questions")
        assert pending.exists()
    finally:
        # One that waits for its key hears no SIGTERM.
        os.killpg(daemon.pid, signal.SIGKILL)
        daemon.wait(30)
    assert rings() == before
    assert not since(begin, "salt/minion/ctl4/start")
    assert not since(begin, "openstack_ha/*/doorbell")
