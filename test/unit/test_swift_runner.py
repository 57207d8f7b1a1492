"""Swift's runner: rings go from their owner to a copy, and from there to every node, whole."""

import base64
import gzip
import os
import pathlib
import tracemalloc
import zlib

import openstack_ha_swift_ring_file as ring_files
import pytest
import rings
import salt.payload
from rings import ring_file
from runners import Master, Nodes
from salt.exceptions import CommandExecutionError, SaltRunnerError
from support import example, write_cluster

OWNER = "sto1"
RINGS = ("account", "container", "object")


class Rings(Nodes):
    """The owner's builders, and what each node serves."""

    def __init__(self, names):
        super().__init__(names)
        # A builder is a pickle, so it is no text.
        self.files = {ring: (b"\x80" + ring.encode(), ring_file(1, ring=ring)) for ring in RINGS}
        self.known = {ring: [] for ring in RINGS}
        self.served = {node: {} for node in names}
        self.staged, self.receipts, self.unready = {}, {}, {}
        self.changes_meanwhile = self.is_garbled = False
        # What it says of its size, and what it sends in place of all rings.
        self.says = self.parcels = None

    def build(self, ring, version):
        """The owner's next ring, which knows those before."""
        self.known[ring].append(ring_files.md5(self.files[ring][1]))
        self.files[ring] = (b"\x80%d" % version + ring.encode(), ring_file(version, ring=ring))

    def evidence(self, node):
        built = {
            ring: {
                "version": ring_files.facts(data)["version"] or 0,
                "md5": ring_files.md5(data),
                "builder_md5": ring_files.md5(builder),
                "known": self.known[ring],
            }
            for ring, (builder, data) in self.files.items()
        }
        return {
            "is_owner": node == OWNER,
            "unready": self.unready.get(node),
            "hash_path": "a",
            "served": {
                ring: {"md5": ring_files.md5(data), "version": 1}
                for ring, data in self.served[node].items()
            },
            "built": built if node == OWNER else {},
            "receipts": self.receipts if node == OWNER else {},
        }

    def parcel(self, node, ring, offset):
        builder, data = self.files[ring]
        content = {"builder": builder, "ring": data, "noise": NOISE}
        packed = zlib.compress(salt.payload.dumps(content, use_bin_type=True))
        packed = self.parcels or packed
        piece = packed[offset : offset + 1_000]
        if offset and self.is_garbled:
            piece = bytes(len(piece))
        if self.changes_meanwhile:
            self.build(ring, 9)
        data = base64.b64encode(piece).decode()
        return {"md5": ring_files.md5(packed), "size": self.says or len(packed), "data": data}

    def stage(self, node, name, md5, offset, data, size):
        before = self.staged.get((node, name), b"") if offset else b""
        assert len(before) == offset, "a piece is missing"
        self.staged[node, name] = before + base64.b64decode(data)
        return {"is_whole": len(self.staged[node, name]) == size}

    def serve_ring(self, node, ring, md5, replaces):
        data = self.staged[node, f"{ring}.ring.gz"]
        assert ring_files.md5(data) == md5
        self.served[node][ring] = data
        return {}

    def acknowledge(self, node, rings):
        self.receipts = rings
        return {}

    def plan(self, node, **arguments):
        return {"steps": ["add"]}

    def apply(self, node, ring, force):
        self.build(ring, 2)
        return {"steps": ["add"]}

    def take_back(self, node, ring, md5):
        assert ring_files.md5(self.staged[node, f"{ring}.parcel"]) == md5
        return {"version": 1}


# So that a parcel has several pieces.
NOISE = os.urandom(2_500)


@pytest.fixture
def master(tmp_path):
    cluster = example()
    nodes = ["sto1", "sto2", "sto3", "ctl1", "ctl2", "ctl3"]
    made = Master(tmp_path, Rings(nodes), cluster)
    made.nodes.names = [OWNER]
    # So that a ring has several pieces, too.
    made.modules["_runners", "openstack_ha_swift"].PIECE = 256
    return made


def answer(master):
    """What was decided about the rings themselves."""
    decisions = master.run("openstack_ha_coordinator.answer", "demo", "swift")
    return [one["verdict"] for one in decisions if "subject" not in one]


def live(master):
    return [data["rings"] for tag, data in master.events if tag == "openstack_ha/demo/swift/live"]


def test_a_ring_is_copied_then_staged_everywhere_and_only_then_served(master):
    assert answer(master) == ["keep", "push", "settled"]
    every = set(master.nodes.served)
    for ring in RINGS:
        assert {node for node in every if ring in master.nodes.served[node]} == every
    steps = [step for _, step in master.orders("swift")]
    for ring in RINGS:
        parts = [
            (fun.rpartition(".")[2], set(nodes))
            for nodes, fun, arguments in master.sent
            if ring in (arguments.get("ring"), arguments.get("name", "").split(".")[0])
        ]
        kinds = [kind for kind, _ in parts]
        assert kinds.index("serve_ring") > max(
            at for at, kind in enumerate(kinds) if kind == "stage"
        )
        assert all(nodes == every for kind, nodes in parts if kind in ("stage", "serve_ring"))
    assert steps[-1] == "acknowledge"
    (told,) = live(master)
    assert set(told) == set(RINGS)
    assert master.nodes.receipts["object"]["lacking"] == []


def test_copies_are_the_masters_alone_and_whole(master, tmp_path):
    answer(master)
    (path,) = (tmp_path / "copies" / "demo" / "object").iterdir()
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    content = salt.payload.loads(zlib.decompress(path.read_bytes()))
    assert (content["builder"], content["ring"]) == master.nodes.files["object"]
    (copy,) = master.run("openstack_ha_swift.copies", "demo", "object")
    assert copy == {
        "copy": path.stem,
        "version": 1,
        "md5": ring_files.md5(content["ring"]),
        "builder_md5": ring_files.md5(content["builder"]),
    }


def test_a_copy_is_on_the_disk_before_it_has_its_name(master, tmp_path, monkeypatch):
    seen = []

    def fsync(handle):
        where = pathlib.Path(os.readlink(f"/proc/self/fd/{handle}"))
        seen.append((where.parent.name, sorted(one.suffix for one in where.parent.glob("[!.]*"))))

    monkeypatch.setattr(os, "fsync", fsync)
    answer(master)
    copied = [(ring, names) for ring, names in seen if ring in RINGS]
    assert copied == [(ring, []) for ring in RINGS]


def test_only_so_many_copies_are_kept_and_the_newest(master):
    master.modules["_runners", "openstack_ha_swift"].KEPT = 3
    answer(master)
    for version in range(2, 7):
        master.clock.now += 60
        master.nodes.build("object", version)
        answer(master)
    copies = master.run("openstack_ha_swift.copies", "demo", "object")
    assert [one["version"] for one in copies] == [6, 5, 4]


@pytest.mark.parametrize("fault", ["changes_meanwhile", "is_garbled"])
def test_a_parcel_that_changes_on_its_way_is_no_copy(master, fault):
    setattr(master.nodes, fault, True)
    assert answer(master) == ["keep"]
    assert master.run("openstack_ha_swift.copies", "demo", "object") == []
    assert set(master.record("demo.swift")["failures"]) == set(RINGS)
    assert {verdict for _, verdict in master.nodes.heard} == {"wait"}


def test_what_is_no_ring_is_no_copy(master):
    master.nodes.files["object"] = (b"\x80", b"nonsense\xff")
    answer(master)
    assert master.run("openstack_ha_swift.copies", "demo", "object") == []
    assert "is no ring" in master.record("demo.swift")["failures"]["object"]


FOREIGN = {"ip": "10.9.9.9", "replication_ip": "10.9.9.9"}


def test_a_ring_of_foreign_devices_is_given_to_nobody(master):
    """Whoever is root on the owner has the master spread what it likes, and all objects with it."""
    answer(master)
    before = {node: dict(files) for node, files in master.nodes.served.items()}
    found = [{**one, **FOREIGN} for one in rings.devices()]
    master.nodes.known["object"].append(ring_files.md5(master.nodes.files["object"][1]))
    master.nodes.files["object"] = (b"\x80evil", ring_file(2, found))
    assert answer(master) == ["keep"]
    assert master.nodes.served == before
    assert len(master.run("openstack_ha_swift.copies", "demo", "object")) == 1
    told = master.record("demo.swift")["failures"]["object"]
    assert told.startswith("what sto1 has built of object is given to nobody: 10.9.9.9/sdb is no")
    assert told.endswith("docs/runbooks/swift-rings.md, 'A ring that may not be spread'")


def test_a_ring_on_its_way_is_measured_by_the_one_that_was_spread_before(master):
    answer(master)
    drained = rings.devices()
    drained[0]["weight"] = 50.0
    master.cluster["nodes"]["sto1"]["storage"]["devices"].pop("sdb")
    write_cluster(pathlib.Path(master.run("openstack_ha.files")[0]), master.cluster)
    master.nodes.known["object"].append(ring_files.md5(master.nodes.files["object"][1]))
    master.nodes.files["object"] = (b"\x80next", ring_file(2, drained))
    assert answer(master) == ["keep", "push", "settled"]


def test_a_copy_that_is_given_back_may_weigh_what_it_did(master):
    answer(master)
    first = master.nodes.files["object"][1]
    for name in ("sto1", "sto2", "sto3"):
        for one in master.cluster["nodes"][name]["storage"]["devices"].values():
            one["weight"] = 400
    write_cluster(pathlib.Path(master.run("openstack_ha.files")[0]), master.cluster)
    master.nodes.known["object"].append(ring_files.md5(first))
    heavy = [{**one, "weight": 400.0} for one in rings.devices()]
    master.nodes.files["object"] = (b"\x80heavy", ring_file(2, heavy))
    assert answer(master) == ["keep", "push", "settled"]
    master.nodes.known["object"].append(ring_files.md5(master.nodes.files["object"][1]))
    master.nodes.files["object"] = (b"\x80restored", first)
    assert answer(master) == ["keep", "push", "settled"]


BOMBS = {
    "its size": lambda master: setattr(master.nodes, "says", 2**40),
    "a parcel": lambda master: setattr(master.nodes, "parcels", zlib.compress(bytes(2**26))),
    "a ring": lambda master: master.nodes.files.update(
        object=(b"\x80", gzip.compress(b"R1NG" + bytes(2**26)))
    ),
    "no parcel": lambda master: setattr(master.nodes, "parcels", zlib.compress(b"\xc1")),
    "a list": lambda master: setattr(
        master.nodes, "parcels", zlib.compress(salt.payload.dumps([1]))
    ),
    "a text for a ring": lambda master: setattr(
        master.nodes, "parcels", zlib.compress(salt.payload.dumps({"builder": b"", "ring": "x"}))
    ),
}


@pytest.mark.parametrize("fault", BOMBS.values(), ids=BOMBS)
def test_what_the_owner_sends_costs_the_master_no_more_than_a_ring(master, fault):
    fault(master)
    tracemalloc.start()
    assert "keep" in answer(master)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**25
    assert master.run("openstack_ha_swift.copies", "demo", "object") == []
    assert "object" in master.record("demo.swift")["failures"]


def test_who_cannot_take_a_ring_keeps_the_others_from_serving_it(master):
    master.nodes.broken = {"sto3"}
    assert answer(master) == ["keep", "push"]
    assert not any(master.nodes.served.values())
    assert master.record("demo.swift")["failures"] == {"sto3": "sto3 has no room"}
    assert master.record("demo.swift")["spread"] == {}
    assert live(master) == []


def test_a_ring_is_live_when_the_last_node_has_it(master):
    master.nodes.unready["sto3"] = "no disk"
    answer(master)
    assert live(master) == []
    assert master.nodes.receipts["object"]["lacking"] == ["sto3"]
    master.nodes.unready.clear()
    answer(master)
    assert len(live(master)) == 1
    answer(master)
    assert len(live(master)) == 1, "it is told once"


def test_a_rebalance_is_only_told_until_it_is_wanted(master):
    answer(master)
    master.sent.clear()
    told = master.run("openstack_ha_swift.rebalance", "demo", ring="object")
    assert (told["spread"], list(told["rings"])) == (None, ["object"])
    assert [fun for _, fun, _ in master.sent] == ["openstack_ha_swift_ring.plan"]
    done = master.run("openstack_ha_swift.rebalance", "demo", ring="object", dry_run=False)
    assert [one["verdict"] for one in done["spread"]] == [
        "keep",
        "push",
        "settled",
        "acknowledge",
        "announce",
    ]
    assert master.nodes.served["ctl3"]["object"] == ring_file(2)


def test_a_rebalance_that_cannot_be_spread_says_so(master):
    answer(master)
    master.run("openstack_ha_lease.acquire", "demo.swift", 3600)
    with pytest.raises(SaltRunnerError, match="changed and are not spread yet"):
        master.run("openstack_ha_swift.rebalance", "demo", dry_run=False)


def test_a_lost_builder_gets_the_copy_of_the_ring_that_was_spread(master):
    answer(master)
    (copy,) = master.run("openstack_ha_swift.copies", "demo", "object")
    del master.nodes.files["object"]
    assert answer(master) == ["refuse"]
    told = master.run("openstack_ha_swift.restore", "demo", "object")
    assert (told["copy"], told["figures"]) == (copy, None)
    assert "take_back" not in master.nodes.arguments
    done = master.run("openstack_ha_swift.restore", "demo", "object", dry_run=False)
    assert done["figures"] == {"version": 1}
    with pytest.raises(SaltRunnerError, match="there is no copy x of object"):
        master.run("openstack_ha_swift.restore", "demo", "object", copy="x")
    master.nodes.broken = {OWNER}
    with pytest.raises(SaltRunnerError, match="sto1: sto1 has no room"):
        master.run("openstack_ha_swift.restore", "demo", "object", dry_run=False)


def test_a_copy_has_its_place_or_the_reason_is_told(master, tmp_path):
    (tmp_path / "copies").write_text("no folder", encoding="utf-8")
    with pytest.raises(SaltRunnerError, match=r"openstack_ha_copies|openstack_ha.master"):
        answer(master)


def test_members_of_another_master_are_left_to_it(master):
    for node in ("sto1", "sto2", "sto3", "ctl1"):
        master.minions[node].module.serve("m2", "openstack_ha_swift.evidence")
    assert answer(master) == ["wait"]
    assert master.orders("swift") == []
    # Those who obey this one.
    assert master.nodes.heard == [("ctl2", "wait"), ("ctl3", "wait")]


def test_the_schedules_look_rings_only_where_something_is_to_be_done(master):
    def is_idle():
        master.clock.now += 1
        found = {node: master.nodes.evidence(node) for node in master.nodes.served}
        looked = {"found": found, "rivals": {}, "begun": master.clock.now}
        return master.run("openstack_ha_coordinator.is_idle", "demo", "swift", looked)

    assert is_idle() is False
    answer(master)
    assert is_idle() is True
    master.nodes.receipts = {}
    assert is_idle() is False
    answer(master)
    assert master.nodes.receipts, "the owner has its receipts again"
    assert is_idle() is True
    master.nodes.build("object", 2)
    assert is_idle() is False


def test_a_cluster_without_storage_has_no_rings(tmp_path):
    cluster = example()
    for name in [one for one, node in cluster["nodes"].items() if "storage" in node["roles"]]:
        del cluster["nodes"][name]
    cluster["nodes"] = {
        one: {**node, "roles": ["controller"]} for one, node in cluster["nodes"].items()
    }
    cluster.pop("glance", None)
    cluster.pop("swift", None)
    made = Master(tmp_path, Rings(["ctl1"]), cluster)
    with pytest.raises(SaltRunnerError, match="no node of demo has a role for swift"):
        made.run("openstack_ha_coordinator.plan", "demo", "swift")


def test_an_error_of_the_owner_is_told(master):
    def refuse(node, **arguments):
        raise CommandExecutionError("no builder")

    master.nodes.parcel = refuse
    answer(master)
    assert master.record("demo.swift")["failures"]["object"] == "sto1: no builder"
