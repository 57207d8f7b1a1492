"""Rings by the formula's own states and by Swift's own library, on this machine."""

import base64
import concurrent.futures
import copy
import fcntl
import gzip
import hashlib
import json
import os
import pathlib
import pickle
import shutil
import subprocess
import time
import zlib

import pytest
import salt.loader
import salt.payload
from salt.exceptions import CommandExecutionError
from support import ROOT, cluster_on, minion_options

FOLDER = pathlib.Path("/var/lib/openstack_ha/swift")
STATE = FOLDER.parent
SERVED = pathlib.Path("/etc/swift")
RING = "object"
HOUR = 3600
OPTIONS = {
    "part_power": 8,
    "min_part_hours": 1,
    "overload": 1,
    "ramp": 0.5,
    "wait_for_replication": False,
}


class Owner:
    """The node that builds the rings; its pillar can be edited between two calls."""

    def __init__(self, root, cluster):
        self.cluster = cluster
        self.root = root

    def load(self, test=False):
        opts = minion_options(self.root, "sto1", ROOT, self.root)
        folders = {"module": "modules", "states": "states", "utils": "utils"}
        opts.update(
            {f"{key}_dirs": [str(ROOT / f"_{name}")] for key, name in folders.items()}, test=test
        )
        opts["grains"] = {}
        # It has a master, which says nothing; files it has none to take from there.
        opts["file_client"] = "remote"
        opts["pillar"] = {"openstack_ha": copy.deepcopy(self.cluster)}
        utils = salt.loader.utils(opts)
        modules = salt.loader.minion_mods(opts, utils=utils)
        return modules, salt.loader.states(opts, modules, utils, None)

    def __getattr__(self, name):
        return self.load()[0][f"openstack_ha_swift_ring.{name}"]

    def managed(self, test=False):
        _, states = self.load(test)
        return states.openstack_ha_swift_ring.managed(RING)

    def call(self, function, *arguments, **more):
        return self.load()[0][f"openstack_ha_swift.{function}"](*arguments, **more)

    def rings_present(self, test=False, **more):
        _, states = self.load(test)
        return states.openstack_ha_swift.rings_present(self.cluster["name"], **more)

    def options(self, **more):
        self.cluster["swift"]["rings"][RING].update(more)

    def devices(self, node):
        return self.cluster["nodes"][node]["storage"]["devices"]

    def builder(self):
        return FOLDER / f"{RING}.builder"

    def age(self, hours):
        """Let the builder believe that its parts moved some hours earlier."""
        program = (
            "from swift.common.ring.builder import RingBuilder\n"
            "builder = RingBuilder.load(path)\n"
            "builder._last_part_moves_epoch -= hours * 3600\n"
            "builder.save(path)"
        )
        swift(program, path=str(self.builder()), hours=hours)

    def settle(self):
        """Apply with an hour between two runs until nothing is left."""
        for count in range(30):
            found = self.apply(RING)
            if not found["steps"] and not found["later"]:
                return count
            self.age(1)
        raise AssertionError(f"does not come to rest: {found}")


def swift(program, **names):
    """Run lines with Swift's library in the system's Python; return what they print as JSON."""
    lines = [f"{name} = {value!r}" for name, value in names.items()]
    argv = ["/usr/bin/python3", "-c", "\n".join([*lines, program])]
    done = subprocess.run(argv, check=True, capture_output=True)
    return json.loads(done.stdout) if done.stdout else None


def parts_of(path):
    """Return the devices of each part, as ``address/name``."""
    program = (
        "import json\n"
        "from swift.common.ring.builder import RingBuilder\n"
        "b = RingBuilder.load(path)\n"
        "name = lambda d: b.devs[d]['ip'] + '/' + b.devs[d]['device']\n"
        "print(json.dumps([[name(d) for d in row] for row in zip(*b._replica2part2dev)]))"
    )
    return swift(program, path=str(path))


def three_zones(address):
    cluster = cluster_on(address, "ctl1")
    cluster["nodes"]["ctl1"].update(address=str(address.network[-6]), roles=["controller", "proxy"])
    for number in (1, 2, 3):
        ip = str(address.ip if number == 1 else address.network[-2 - number])
        cluster["nodes"][f"sto{number}"] = {
            "address": ip,
            "roles": ["storage"],
            "storage": {"zone": number, "devices": {"sdb": {}, "sdc": {}}},
        }
    rings = {name: dict(OPTIONS) for name in ("account", "container", RING)}
    cluster["swift"] = {"rings": rings, "keep_copies": False}
    return cluster


def clear():
    """Forget every ring that others have left on this host."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    for path in [*SERVED.glob("*.ring.gz"), *SERVED.glob(".*.staged"), *STATE.glob("swift_*.json")]:
        path.unlink()


def copy_files(source, target):
    """Copy a folder with its files' owners."""
    subprocess.run(["cp", "--archive", source, target], check=True)


@pytest.fixture(scope="module")
def installed(modules, address, tmp_path_factory):
    # Not by the whole SLS: its rings are what the tests make.
    owner = Owner(tmp_path_factory.mktemp("install"), three_zones(address))
    modules.pkg.install(pkgs=["python3-swift", "swift"])
    program = pathlib.Path("/usr/libexec/openstack_ha/openstack-ha-swift-ring.py")
    program.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(ROOT / "openstack_ha/swift/files" / program.name, program)
    return owner


@pytest.fixture
def owner(installed, address, tmp_path):
    """The owner of three storage nodes in three zones, without any ring."""
    clear()
    return Owner(tmp_path, three_zones(address))


@pytest.fixture(scope="module")
def first_ring(installed, address, tmp_path_factory):
    """The files of a ring that was built an hour ago."""
    kept = tmp_path_factory.mktemp("first") / FOLDER.name
    clear()
    owner = Owner(tmp_path_factory.mktemp("owner"), three_zones(address))
    owner.apply(RING)
    owner.age(1)
    copy_files(FOLDER, kept)
    return kept


@pytest.fixture
def built(owner, first_ring):
    """The same with a ring whose parts may move."""
    clear()
    copy_files(first_ring, FOLDER)
    return owner


def test_a_ring_is_built_shown_first_and_then_left_alone(owner):
    shown = owner.managed(test=True)
    assert shown["result"] is None, shown
    assert not owner.builder().exists()
    done = owner.managed()
    assert done["result"] is True, done
    assert done["changes"] == shown["changes"]
    assert owner.managed()["changes"] == {}
    assert owner.managed(test=True)["result"] is True
    facts = owner.status(RING)[RING]
    assert facts["is_current"] and facts["dispersion"] == 0
    assert facts["md5"] == hashlib.md5((FOLDER / f"{RING}.ring.gz").read_bytes()).hexdigest()
    assert {one["parts"] for one in facts["devices"].values()} == {128}


def test_files_are_roots_and_readable_by_swift(built):
    for path in (built.builder(), FOLDER / f"{RING}.ring.gz"):
        assert (path.owner(), path.group(), path.stat().st_mode & 0o777) == ("root", "swift", 0o640)
    copy_of_ring = next((FOLDER / "backups" / RING).glob("*.ring.gz"))
    for path in (FOLDER / f"{RING}.ring.gz", copy_of_ring):
        argv = ["setpriv", "--reuid=swift", "--regid=swift", "--clear-groups", "cat", path]
        assert subprocess.run(argv, check=True, capture_output=True).stdout == path.read_bytes()
    assert gzip.decompress((FOLDER / f"{RING}.ring.gz").read_bytes())[:6] == b"R1NG\x00\x01"
    assert [one.name for one in FOLDER.glob(".*.*")] == [], "a temporary file was left"


def test_the_ring_file_is_the_one_that_swifts_own_tool_writes(built):
    before = built.status(RING)[RING]["md5"]
    tool = ["/usr/bin/swift-ring-builder", built.builder(), "write_ring"]
    subprocess.run(tool, check=False, capture_output=True)
    assert built.status(RING)[RING]["md5"] == before


def test_the_dry_run_shows_the_ring_that_comes(built):
    built.devices("sto2")["sdd"] = {"weight": 200}
    built.devices("sto3")["sdc"]["weight"] = 150
    shown = built.plan(RING)
    done = built.apply(RING)
    assert done["changes"] == shown["changes"]
    assert shown["after"]["md5"] == built.status(RING)[RING]["md5"]
    assert shown["after"]["moved"] > 0


def test_nothing_moves_before_min_part_hours_and_a_port_changes_at_once(built):
    built.devices("sto2")["sdd"] = {}
    assert built.apply(RING)["after"]["moved"] > 0
    built.options(port=6300)
    parts = parts_of(built.builder())
    found = built.apply(RING)
    assert [step["do"] for step in found["steps"]] == ["set_info"] * 7 + ["write_ring"]
    assert parts_of(built.builder()) == parts
    assert [step["do"] for step in found["later"]] == ["set_weight"]
    waits = built.managed()
    assert (waits["result"], waits["changes"]) == (True, {})
    assert "min_part_hours" in waits["warnings"][0]
    assert built.plan(RING, force=True)["after"]["moved"] > 0


def test_a_drained_device_leaves_when_it_is_empty(built):
    gone = f"{built.cluster['nodes']['sto3']['address']}/sdc"
    del built.devices("sto3")["sdc"]
    weights = []
    for _ in range(9):
        device = built.status(RING)[RING]["devices"].get(gone)
        if device is None:
            break
        weights.append(device["weight"])
        built.apply(RING)
        built.age(1)
    assert weights == [100, 50, 0]
    assert built.settle() == 0


def test_a_failed_device_leaves_at_once_and_nothing_else_moves(built):
    built.devices("sto2")["sdd"] = {}
    built.apply(RING)
    built.devices("sto1")["sdb"]["failed"] = True
    gone = f"{built.cluster['nodes']['sto1']['address']}/sdb"
    before = parts_of(built.builder())
    found = built.apply(RING)
    assert [step["do"] for step in found["steps"]] == ["remove", "rebalance"]
    for old, new in zip(before, parts_of(built.builder()), strict=True):
        assert [b for a, b in zip(old, new, strict=True) if a != gone] == [
            a for a in old if a != gone
        ]
        assert gone not in new
    assert built.apply(RING)["steps"] == []


def test_a_second_zone_waits_until_the_first_is_restored(built):
    built.devices("sto1")["sdb"]["failed"] = True
    built.apply(RING)
    built.devices("sto2")["sdb"]["failed"] = True
    found = built.apply(RING)
    assert found["steps"] == [] and "restored" in found["waits"][-1]["reason"]
    assert built.plan(RING, force=True)["steps"]


def test_another_zone_and_another_part_power_are_refused_by_name(built):
    before = built.builder().read_bytes()
    built.cluster["nodes"]["sto3"]["storage"]["zone"] = 4
    built.options(part_power=9)
    refused = built.managed()
    assert refused["result"] is False and refused["changes"] == {}
    assert "r1z3, not r1z4" in refused["comment"]
    assert "openstack_ha:swift:rings:object:part_power: 8" in refused["comment"]
    assert built.builder().read_bytes() == before


def test_replicas_that_would_come_too_near_are_refused_with_the_key_that_helps(built):
    built.options(overload=0)
    built.devices("sto1")["sdb"]["weight"] = 1000
    refused = built.managed(test=True)
    assert refused["result"] is False and refused["changes"] == {}
    assert "raise openstack_ha:swift:rings:object:overload" in refused["comment"]


def test_replicas_change_by_one_and_a_fraction_is_kept(built):
    built.options(replicas=3.25, allow_fewer_zones=True)
    built.settle()
    assert built.status(RING)[RING]["replicas"] == 3.25
    built.options(replicas=2)
    built.settle()
    assert built.status(RING)[RING]["replicas"] == 2


@pytest.mark.parametrize(
    "damage", [b"", b"garbage", b"\x80\x02}q\x00."], ids=["empty", "text", "{}"]
)
def test_a_broken_builder_is_restored_from_its_copy(built, damage):
    built.devices("sto2")["sdd"] = {}
    md5 = built.apply(RING)["after"]["md5"]
    parts = parts_of(built.builder())
    built.builder().write_bytes(damage)
    broken = built.managed()
    assert broken["result"] is False and "openstack_ha_swift_ring.restore" in broken["comment"]
    newest = built.history(RING)[0]
    assert newest["md5"] == md5
    assert built.restore(RING, newest["copy"])["md5"] == md5
    assert parts_of(built.builder()) == parts
    assert built.managed()["result"] is True
    assert any(one["version"] == "unreadable" for one in built.history(RING))


def test_an_older_copy_may_not_move_again_at_once(built):
    built.devices("sto2")["sdd"] = {}
    built.apply(RING)
    first = built.history(RING)[-1]
    assert built.restore(RING, first["copy"])["seconds_left"] > HOUR - 60
    assert built.status(RING)[RING]["md5"] == first["md5"]
    assert built.apply(RING)["steps"] == []


def test_a_copy_that_does_not_give_its_ring_is_refused(built):
    copies = built.history(RING)
    ring = FOLDER / "backups" / RING / f"{copies[0]['copy']}.ring.gz"
    ring.write_bytes(ring.read_bytes()[:-1])
    with pytest.raises(CommandExecutionError, match="take another copy"):
        built.restore(RING, copies[0]["copy"])


def test_a_lost_builder_is_never_made_anew(built):
    built.builder().unlink()
    assert "a new builder would put nearly every part elsewhere" in built.managed()["comment"]
    assert not built.builder().exists()


def test_a_lost_ring_file_is_written_again(built):
    md5 = built.status(RING)[RING]["md5"]
    (FOLDER / f"{RING}.ring.gz").unlink()
    assert built.managed()["result"] is True
    assert built.status(RING)[RING]["md5"] == md5


def test_a_builder_that_others_may_write_is_not_loaded(built):
    built.builder().chmod(0o666)
    assert "can be written by others" in built.managed()["comment"]


@pytest.fixture
def pickled(tmp_path):
    """A builder that makes a folder when it is loaded, and that folder."""
    mark = tmp_path / "made by a builder"

    class Runs:
        def __reduce__(self):
            return os.mkdir, (str(mark),)

    return pickle.dumps({"devs": [Runs()]}, protocol=2), mark


def test_a_builder_that_would_run_something_runs_nothing(built, pickled):
    data, mark = pickled
    built.builder().write_bytes(data)
    assert "it would call posix.mkdir" in built.managed()["comment"]
    assert not mark.exists()


def test_a_removal_by_hand_is_not_finished_behind_ones_back(built):
    tool = ["/usr/bin/swift-ring-builder", built.builder(), "remove", "d0"]
    subprocess.run(tool, check=False, capture_output=True)
    assert "swift-ring-builder remove" in built.managed()["comment"]


def test_one_process_works_at_a_time(built):
    lock = FOLDER / ".lock"
    with concurrent.futures.ThreadPoolExecutor() as pool, lock.open("a") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        applied = pool.submit(built.apply, RING)
        while not somebody_waits_for_a_lock():
            assert not applied.done(), "it did not wait"
            time.sleep(0.05)
        fcntl.flock(held, fcntl.LOCK_UN)
        assert applied.result()


def somebody_waits_for_a_lock():
    """Whether a process of this host waits for a whole file, which the kernel marks so."""
    return "-> FLOCK" in pathlib.Path("/proc/locks").read_text(encoding="utf-8")


def test_another_node_builds_no_ring(owner):
    owner.cluster["swift"]["owner"] = "sto2"
    assert "sto2 builds the rings" in owner.managed()["comment"]


@pytest.fixture
def spread(built):
    """The owner as the master asks it, on a node that Swift is configured on."""
    secrets = built.cluster["secrets"]["swift"]
    lines = [f"swift_{name} = {secrets[name]}" for name in secrets if name != "users"]
    (SERVED / "swift.conf").write_text("\n".join(["[swift-hash]", *lines]), encoding="utf-8")
    return built


def staged(owner, data, name=f"{RING}.ring.gz", piece=700):
    """Send a file as the master does; return its md5."""
    md5 = hashlib.md5(data).hexdigest()
    for offset in range(0, len(data), piece):
        text = base64.b64encode(data[offset : offset + piece]).decode()
        owner.call("stage", name, md5, offset, text, len(data))
    return md5


def test_a_ring_comes_in_pieces_and_serves_as_a_whole(spread):
    shown = spread.rings_present(test=True)
    assert shown["changes"][RING] == {"old": "absent", "new": "the cluster's"}
    for ring in ("account", "container", RING):
        spread.apply(ring)
        data, path = (FOLDER / f"{ring}.ring.gz").read_bytes(), SERVED / f"{ring}.ring.gz"
        md5 = staged(spread, data, path.name)
        assert not path.exists()
        facts = spread.call("serve_ring", ring, md5, [])
        assert facts == {"md5": md5, "version": spread.status(ring)[ring]["version"]}
        assert path.read_bytes() == data
    assert (path.owner(), path.group(), path.stat().st_mode & 0o777) == ("root", "swift", 0o640)
    argv = ["setpriv", "--reuid=swift", "--regid=swift", "--clear-groups", "cat", path]
    assert subprocess.run(argv, check=True, capture_output=True).stdout == data
    for test in (False, True):
        state = spread.rings_present(test=test)
        assert (state["result"], state["changes"]) == (True, {})


def test_what_came_is_checked_before_it_serves(spread):
    data = (FOLDER / f"{RING}.ring.gz").read_bytes()
    md5 = staged(spread, data[:-1])
    with pytest.raises(CommandExecutionError, match="begins again"):
        spread.call("stage", f"{RING}.ring.gz", md5, 5, "", len(data))
    with pytest.raises(CommandExecutionError, match="has md5"):
        spread.call("serve_ring", RING, hashlib.md5(data).hexdigest(), [])
    # Another ring than the master has seen is not replaced.
    (SERVED / f"{RING}.ring.gz").write_bytes(b"another")
    with pytest.raises(CommandExecutionError, match="looks again"):
        spread.call("serve_ring", RING, staged(spread, data), [])
    assert (SERVED / f"{RING}.ring.gz").read_bytes() == b"another"


def test_the_state_says_what_the_master_refuses_and_that_it_says_nothing(spread):
    late = spread.rings_present(patience=0)
    assert late["result"] is False and "the master gave no word" in late["comment"]
    # Said later than whatever moment the state begins to listen at.
    refusal = {"verdict": "refuse", "why": "the builder is lost", "way_out": "`this`"}
    said = pathlib.Path("/run/openstack_ha/swift.json")
    said.parent.mkdir(exist_ok=True)
    said.write_text(json.dumps({**refusal, "time": 9999999999}), encoding="utf-8")
    try:
        refused = spread.rings_present(patience=60)
    finally:
        said.unlink()
    assert (
        refused["result"] is False
        and "The master refused: the builder is lost. `this`." in (refused["comment"])
    )


def test_a_ring_that_was_replaced_or_broken_is_missed(spread):
    path = SERVED / f"{RING}.ring.gz"
    data = (FOLDER / f"{RING}.ring.gz").read_bytes()
    spread.call("serve_ring", RING, staged(spread, data), [])
    path.write_bytes(data[: len(data) // 2])
    assert spread.call("missing")[RING] == "not a ring"
    spread.devices("sto2")["sdd"] = {}
    spread.apply(RING)
    path.write_bytes((FOLDER / f"{RING}.ring.gz").read_bytes())
    assert spread.call("missing")[RING] == "not the ring that the master gave"


def test_a_builder_is_changed_only_when_the_master_has_a_copy_and_every_node_the_ring(spread):
    spread.cluster["swift"]["keep_copies"] = True
    spread.devices("sto2")["sdd"] = {}
    found = spread.plan(RING)
    assert found["steps"] == [] and "has no copy" in found["waits"][0]["reason"]
    built = spread.call("evidence")["built"][RING]
    receipt = {"builder_md5": built["builder_md5"], "md5": built["md5"], "lacking": ["sto3"]}
    spread.call("acknowledge", {RING: receipt})
    assert "sto3 does not have" in spread.plan(RING)["waits"][0]["reason"]
    assert spread.plan(RING, force=True)["steps"]
    spread.call("acknowledge", {RING: {**receipt, "lacking": []}})
    assert spread.apply(RING)["steps"]
    spread.age(1)
    assert spread.apply(RING)["steps"] == [], "a changed builder needs a copy of its own"
    spread.devices("sto1")["sdb"]["failed"] = True
    assert [one["do"] for one in spread.apply(RING)["steps"]] == ["remove", "rebalance"]


def test_a_lost_builder_comes_back_by_the_masters_parcel(spread):
    piece = spread.call("parcel", RING)
    data, parts = base64.b64decode(piece["data"]), parts_of(spread.builder())
    assert len(data) == piece["size"]
    (SERVED / f"{RING}.ring.gz").write_bytes((FOLDER / f"{RING}.ring.gz").read_bytes())
    shutil.rmtree(FOLDER)
    assert "openstack_ha_swift.restore" in spread.managed()["comment"]
    assert not spread.builder().exists()
    shutil.rmtree(FOLDER)
    spread.call("take_back", RING, staged(spread, data, f"{RING}.parcel"))
    assert parts_of(spread.builder()) == parts
    assert spread.managed()["result"] is True


def test_a_builder_that_comes_back_runs_nothing(spread, pickled):
    """The master's copy is what an owner of before has sent it."""
    builder, mark = pickled
    ring = (FOLDER / f"{RING}.ring.gz").read_bytes()
    content = {"builder": builder, "ring": ring}
    data = zlib.compress(salt.payload.dumps(content, use_bin_type=True))
    with pytest.raises(CommandExecutionError, match=r"it would call posix\.mkdir"):
        spread.call("take_back", RING, staged(spread, data, f"{RING}.parcel"))
    assert not mark.exists()


RECON = """
import sys, wsgiref.simple_server
from swift.common.middleware.recon import ReconMiddleware
app = ReconMiddleware(None, {"recon_cache_path": sys.argv[1], "swift_dir": sys.argv[1]})
server = wsgiref.simple_server.make_server(sys.argv[2], 0, app)
print(server.server_port, flush=True)
server.serve_forever()
"""


def test_replication_is_what_swifts_own_recon_tells(spread, address, tmp_path):
    """One node answers, two are not there."""
    now = int(time.time())
    seconds = {"replication_last": now, "replication_time": 30, "replication_stats": {}}
    (tmp_path / "account.recon").write_text(json.dumps(seconds), encoding="utf-8")
    minutes = {"object_replication_last": now, "object_replication_time": 0.5}
    (tmp_path / "object.recon").write_text(json.dumps(minutes), encoding="utf-8")
    argv = ["/usr/bin/python3", "-c", RECON, tmp_path, str(address.ip)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as server:
        try:
            port = int(server.stdout.readline())
            spread.cluster["swift"]["rings"] = {
                name: {**OPTIONS, "port": port, "wait_for_replication": True}
                for name in ("account", RING)
            }
            spread.apply(RING)
            spread.apply("account")
            found = {ring: spread.call("replication", ring) for ring in ("account", RING)}
            spread.devices("sto2")["sdd"] = {}
            waits = spread.plan(RING)["waits"]
        finally:
            server.kill()
    own = str(address.ip)
    for passes in found.values():
        assert passes.pop(own) == {"started": now - 30, "completed": now}
        assert list(passes.values()) == [None, None]
    (why,) = [one["reason"] for one in waits if "replication" in one["reason"]]
    assert "is not known on" in why and f"{own}," not in why


def test_the_report_of_dispersion_counts_every_zone(built):
    report = built.dispersion(RING)
    assert report["dispersion"] == 0 and report["required_overload"] == 0
    assert {"r1z1", "r1z2", "r1z3"} <= set(report["places"])
