"""
Rings from their owner to every node: three minions with folders of their own, Swift's own library.

The object ring is so large that it travels in pieces.
"""

import contextlib
import gzip
import hashlib
import json
import pathlib
import shutil
import time

import pytest
import yaml
from forked import start_all
from support import await_until, example

NODES = ("sto1", "sto2", "sto3")
RINGS = ("account", "container", "object")
# What each node has for itself, as hosts do.
FOLDERS = ("etc/swift", "var/lib/openstack_ha", "run/openstack_ha", "srv/node")
# What a node has or is given by a test.
DEVICES = ("sdb", "sdc", "sdd", "sde", "sdf")
# A mount namespace that ends with the minion.
MOUNT = 'for one in {folders}; do mount --bind $0/$one /$one || exit 1; done; exec "$@"'
APART = """
import os, sys
os.execvp("unshare", ["unshare", "--mount", "sh", "-c", {mount!r}, {root!r}, *sys.orig_argv[:1],
          {script!r}, *sys.argv[1:]])
"""


class Node:
    """A minion of which nobody else sees the folders."""

    def __init__(self, minion, root, ask):
        self.minion, self.root, self.ask = minion, root, ask
        self.id = minion.id
        self.wipe()
        mount = MOUNT.format(folders=" ".join(FOLDERS))
        text = APART.format(mount=mount, root=str(root), script=minion.get_script_path())
        root.joinpath("start").write_text(text, encoding="utf-8")
        minion.script_name = str(root / "start")

    def wipe(self):
        """As the disk of a new host; bind mounts stay valid."""
        for folder in FOLDERS:
            path = self.root / folder
            path.mkdir(parents=True, exist_ok=True)
            for one in path.iterdir():
                shutil.rmtree(one) if one.is_dir() else one.unlink()

    def configure(self):
        secrets = example()["secrets"]["swift"]
        lines = [f"swift_{name} = {secrets[name]}" for name in secrets if name != "users"]
        conf = self.root / "etc/swift/swift.conf"
        conf.write_text("\n".join(["[swift-hash]", *lines]), encoding="utf-8")
        for device in DEVICES:
            (self.root / "srv/node" / device).mkdir()

    def run(self, function, *arguments, **more):
        return self.ask(self.id, function, *arguments, **more)

    def built(self, ring):
        return self.root / f"var/lib/openstack_ha/swift/{ring}.ring.gz"

    def served(self):
        """The md5 of each ring."""
        files = sorted((self.root / "etc/swift").glob("*.ring.gz"))
        return {one.name.removesuffix(".ring.gz"): md5(one) for one in files}


def md5(path):
    return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()


@pytest.fixture(scope="module")
def start(sync, reacted):
    """Return a function that starts nodes; nobody asks them for their rings any more then."""

    def call(*nodes):
        begin, minions = time.time(), [node.minion for node in nodes]
        start_all(minions)
        for node in nodes:
            reacted(begin, node.id)
        sync(*minions)

    return call


@pytest.fixture(scope="module")
def nodes(start_minion, tmp_path_factory, ask, start):
    """All three, of which sto1 and sto2 run."""
    for folder in FOLDERS:
        pathlib.Path("/", folder).mkdir(parents=True, exist_ok=True)
    made = {}
    with contextlib.ExitStack() as stack:
        for name in NODES:
            made[name] = Node(start_minion(name), tmp_path_factory.mktemp(name), ask)
            made[name].configure()
            stack.callback(made[name].minion.terminate)
        start(made["sto1"], made["sto2"])
        yield made


@pytest.fixture(scope="module")
def await_event(master, event_listener):
    def wait(begin, pattern, seconds=300):
        found = event_listener.wait_for_events(
            [(master.id, pattern)], after_time=begin, timeout=seconds
        )
        assert found.matches, f"no {pattern} within {seconds} s"
        return next(iter(found.matches)).data

    return wait


@pytest.fixture(scope="module")
def settled(answered):
    """
    Return a function that looks until the answer is the looker's own; what was decided about the
    rings themselves.
    """
    return lambda: about_rings(answered("swift", "rings"))


def about_rings(decisions):
    return [one for one in decisions if "subject" not in one]


def change(cluster_files, node, device, **facts):
    """Edit a device in the cluster file."""
    path = cluster_files["rings"]
    text = path.read_text(encoding="utf-8").removeprefix("#!yaml\n")
    content = yaml.safe_load(text)
    storage = content["openstack_ha"]["nodes"][node]["storage"]
    storage["devices"].setdefault(device, {}).update(facts)
    path.write_text(f"#!yaml\n{yaml.safe_dump(content, sort_keys=False)}", encoding="utf-8")


@pytest.fixture(scope="module")
def without_one(nodes, settled, run, cluster_files):
    """The owner's first rings are wherever somebody is up; what was seen before sto3 came."""
    begin = time.time()
    done = nodes["sto1"].run("state.apply", "openstack_ha.swift.rings")
    assert all(one["result"] for one in done.values()), done
    print(f"built in {time.time() - begin:.1f} s")
    await_until(
        lambda: len(nodes["sto2"].served()) == len(RINGS),
        300,
        "every ring on sto2",
        lambda: run("openstack_ha_coordinator.plan", "rings", "swift")["decisions"],
    )
    print(f"everywhere {time.time() - begin:.1f} s after the state began")
    seen = {"decision": settled()[-1], **{name: node.served() for name, node in nodes.items()}}
    change(cluster_files, "sto2", "sdd")
    seen["change"] = nodes["sto1"].run("state.apply", "openstack_ha.swift.rings", test=True)
    return seen


@pytest.fixture(scope="module")
def late(without_one, nodes, start, await_event):
    """Sto3 has come, and has rung for its rings: what its state said, and the event."""
    start(nodes["sto3"])
    begin, seen = time.time(), {}
    for name, more in (("shown", {"test": True}), ("done", {})):
        wanted = ("state.single", "openstack_ha_swift.rings_present", "rings")
        (seen[name],) = nodes["sto3"].run(*wanted, **more).values()
    seen["live"] = await_event(begin, "openstack_ha/rings/swift/live")
    return seen


@pytest.fixture
def whole(late, nodes):
    """All three, with a device of sto2 that is in no ring yet."""
    return nodes


REBALANCE = ("openstack_ha_swift.rebalance", "rings", "force=True", "dry_run=False")


@pytest.fixture
def by_hand(run):
    """Return a function that rebalances a ring now."""
    return lambda ring: run(*REBALANCE, f"ring={ring}")


def test_the_owners_rings_reach_every_node_that_is_up(without_one, nodes):
    decision = without_one["decision"]
    assert (decision["verdict"], decision["nodes"]) == ("wait", ["sto3"])
    assert set(without_one["sto1"]) == set(RINGS)
    assert without_one["sto1"] == without_one["sto2"]
    assert without_one["sto3"] == {}
    path = nodes["sto2"].root / "etc/swift/object.ring.gz"
    assert path.stat().st_size > 384 * 1024, "one piece is no test"
    assert (path.owner(), path.group(), path.stat().st_mode & 0o777) == ("root", "swift", 0o640)
    assert not list(path.parent.glob(".*.staged"))


def test_a_change_waits_until_the_node_that_is_down_has_the_ring(without_one):
    done = without_one["change"]
    warnings = [line for one in done.values() for line in one.get("warnings", [])]
    assert any("sto3 does not have the present ring object" in line for line in warnings), done


def test_a_node_that_comes_later_gets_them_by_its_own_doorbell(late, without_one, whole, settled):
    assert late["shown"]["result"] is None and set(late["shown"]["changes"]) == set(RINGS)
    assert late["done"]["result"] is True, late
    assert set(late["done"]["changes"]) == set(RINGS), late
    live = {ring: one["md5"] for ring, one in late["live"]["rings"].items()}
    assert live == without_one["sto1"]
    assert whole["sto3"].served() == whole["sto1"].served()
    assert settled()[-1]["verdict"] == "settled"
    again = whole["sto3"].run("state.single", "openstack_ha_swift.rings_present", "rings")
    assert not any(one["changes"] for one in again.values())


def test_an_idle_look_is_one_question(whole, settled, since):
    assert settled()[-1]["verdict"] == "settled"
    begin = time.time()
    assert [one["verdict"] for one in settled()] == ["settled"]
    print(f"an idle look by salt-run took {time.time() - begin:.1f} s")
    asked = [one.data for one in since(begin, "salt/job/*/new")]
    asked = [one for one in asked if one["fun"] == "openstack_ha_master.serve"]
    assert len(asked) == 1, asked


def test_evidence_names_every_ring(whole):
    assert set(whole["sto1"].run("openstack_ha_swift.evidence")["served"]) == set(RINGS)


FORGED = {
    "of the cluster": "openstack_ha/rings/swift/doorbell",
    "of no cluster": "openstack_ha/nobody/swift/doorbell",
    "with a path": "openstack_ha/../rings/swift/doorbell",
    "with a template": "openstack_ha/{{ 7 * 7 }}/swift/doorbell",
    "that says live": "openstack_ha/rings/swift/live",
    "that decides": "openstack_ha/rings/swift/decision",
}


def test_forged_events_change_nothing_but_cause_a_look(whole, since, settled, run, reacted):
    def kept():
        record = run("openstack_ha_record.read", "rings.swift")
        return {key: value for key, value in record.items() if key != "looked"}

    record, served = kept(), whole["sto3"].served()
    begin = time.time()
    payload = {"verdict": "push", "rings": {"object": list(NODES)}, "md5": "0", "name": "rings"}
    for tag in FORGED.values():
        whole["sto2"].run("event.send", tag, json.dumps(payload))
    whole["sto2"].run("event.send", "salt/minion/last/start")
    reacted(begin, "last")
    done = {
        argument["function"]
        for one in since(begin, "salt/job/*/new")
        for argument in one.data["arg"]
        if isinstance(argument, dict) and "function" in argument
    }
    assert done == {"openstack_ha_swift.evidence"}
    assert settled()[-1]["verdict"] == "settled"
    assert kept() == record
    assert whole["sto3"].served() == served


def test_a_change_by_hand_goes_the_whole_road(whole, run, by_hand, await_event):
    shown = run("openstack_ha_swift.rebalance", "rings", "ring=object")
    assert [one["do"] for one in shown["rings"]["object"]["later"]] == ["add"]
    assert shown["spread"] is None
    before, begin = whole["sto1"].served(), time.time()
    done = by_hand("object")
    print(f"rebalanced and spread in {time.time() - begin:.1f} s")
    assert [one["verdict"] for one in about_rings(done["spread"])] == ["keep", "push", "settled"]
    after = whole["sto1"].served()
    assert after["object"] == done["rings"]["object"]["after"]["md5"] != before["object"]
    assert after == whole["sto2"].served() == whole["sto3"].served()
    live = await_event(begin, "openstack_ha/rings/swift/live")
    assert set(live["rings"]) == {"object"}


def test_copies_are_the_masters_own(master, run, whole):
    found = run("openstack_ha_swift.copies", "rings", "object")
    assert found[0]["md5"] == whole["sto1"].served()["object"]
    folder = pathlib.Path(master.config["openstack_ha_copies"])
    files = list(folder.rglob("*.parcel"))
    copies = [one for ring in RINGS for one in run("openstack_ha_swift.copies", "rings", ring)]
    assert len(files) == len(copies) >= len(RINGS)
    assert {one.stat().st_mode & 0o777 for one in files} == {0o600}


def test_a_push_that_fails_on_one_node_leaves_the_old_ring_everywhere(
    whole, run, master, cluster_files, settled
):
    """sto3 has a folder where the ring is to be staged."""
    change(cluster_files, "sto2", "sde")
    before = {name: node.served() for name, node in whole.items()}
    obstacle = whole["sto3"].root / "etc/swift/.account.ring.gz.staged"
    obstacle.mkdir()
    try:
        done = master.salt_run_cli().run(*REBALANCE, "ring=account")
        assert done.returncode, done
        assert "changed and are not spread yet: push failed: sto3: " in done.stdout + done.stderr
        assert {name: node.served() for name, node in whole.items()} == before
        failures = run("openstack_ha_record.read", "rings.swift")["failures"]
        assert set(failures) == {"sto3"}
    finally:
        obstacle.rmdir()
    assert settled()[-1]["verdict"] == "settled"
    assert whole["sto3"].served() == whole["sto1"].served() != before["sto3"]


@pytest.fixture
def status_when_answered(master):
    """Return a function that asks for the status until all but some nodes were quick enough."""

    def ask(silent=()):
        found = []

        def has_answered():
            result = master.salt_run_cli().run("openstack_ha_swift.status", "rings")
            found.append(result)
            without = [node for node, said in result.data["nodes"].items() if said is None]
            return without == list(silent)

        await_until(has_answered, 120, f"an answer from all but {silent}")
        return found[-1]

    return ask


def test_a_node_that_was_down_gets_what_it_missed_and_status_says_so(
    whole, by_hand, settled, status_when_answered, cluster_files, start
):
    change(cluster_files, "sto2", "sdf")
    whole["sto3"].minion.terminate()
    assert about_rings(by_hand("container")["spread"])[-1]["verdict"] == "wait"
    begin = time.monotonic()
    result = status_when_answered(silent=["sto3"])
    print(f"status with a node that is down: {time.monotonic() - begin:.1f} s")
    assert result.returncode == 1 and result.data["verdict"] == "degraded", result
    assert "sto3: did not answer: `salt sto3 test.ping`" in result.data["faults"]
    assert result.data["rings"]["object"]["balance"] is not None
    start(whole["sto3"])
    assert settled()[-1]["verdict"] == "settled"
    assert whole["sto3"].served() == whole["sto1"].served()
    result = status_when_answered()
    assert result.returncode == 0, result.data["faults"]


def test_a_wiped_owner_is_given_its_builders_back_and_spreads_nothing_before(whole, run, settled):
    owner, before = whole["sto1"], whole["sto2"].served()
    owner.wipe()
    owner.configure()
    # Its own state builds new ones, as nothing on its disk says that there were others; until the
    # master, whom the first one has called, gives it the rings that serve.
    owner.run("state.apply", "openstack_ha.swift.rings")
    assert md5(owner.built("account")) != before["account"]
    decision = settled()[-1]
    assert decision["verdict"] == "refuse"
    assert "`salt-run openstack_ha_swift.restore rings object`" in decision["way_out"]
    # It serves the cluster's rings again all the same.
    assert owner.served() == whole["sto2"].served() == before
    for ring in RINGS:
        shown = run("openstack_ha_swift.restore", "rings", ring)
        assert shown["copy"]["md5"] == before[ring] and shown["figures"] is None
        done = run("openstack_ha_swift.restore", "rings", ring, "dry_run=False")
        assert done["figures"]["md5"] == before[ring]
    assert settled()[-1]["verdict"] == "settled"
    assert {name: node.served() for name, node in whole.items()} == dict.fromkeys(NODES, before)


def test_a_ring_of_another_builder_is_refused_by_name_and_the_state_says_so(whole, settled):
    node, known = whole["sto3"], json.dumps({"devs": [], "version": 999}).encode()
    path = node.root / "etc/swift/object.ring.gz"
    path.write_bytes(gzip.compress(b"R1NG\x00\x01" + len(known).to_bytes(4, "big") + known))
    done = node.run("state.single", "openstack_ha_swift.rings_present", "rings")
    (state,) = done.values()
    assert state["result"] is False
    assert "sto3: the builder on sto1 has not made the ring object" in state["comment"]
    path.unlink()
    assert settled()[-1]["verdict"] == "settled"
    assert node.served() == whole["sto1"].served()


def test_a_message_stays_below_what_the_bus_takes(whole, since):
    """Beyond max_event_size Salt cuts the event, and with it the order or the answer."""
    sizes = [len(json.dumps(one.data, default=str)) for one in since(0.0, "salt/job/*")]
    print(f"the largest of {len(sizes)} messages has {max(sizes)} bytes")
    assert 384 * 1024 < max(sizes) < 0.75 * 1024 * 1024


def test_a_minion_answers_by_the_cluster_file_that_was_applied(whole, cluster_files):
    node = whole["sto2"]

    def known():
        return node.run("openstack_ha.view")["self"]["storage"]["devices"]["sdb"]["meta"]

    change(cluster_files, node.id, "sdb", meta="new")
    node.run("state.apply", "openstack_ha.view", "test=True")
    # That is what Salt leaves a minion with.
    assert known() != "new"
    node.run("state.apply", "openstack_ha.view")
    await_until(lambda: known() == "new", 300, "the new file's word", known)
