#!/usr/bin/python3
# Written by Salt (openstack_ha.swift.rings); changes made here are lost.
"""
Works on one ring's builder with Swift's own library, which only the system's Python has.

openstack_ha_swift_ring (a module of Salt) talks to it: a line of JSON in, a line of JSON out. One
process reads the builder, hears the steps, tries them in memory, and saves what came out when it
is told to. It holds the lock all the time, and decides nothing.
"""

import array
import contextlib
import datetime
import fcntl
import gzip
import hashlib
import inspect
import itertools
import json
import operator
import os
import pathlib
import pickle
import shutil
import signal
import stat
import sys
import tempfile
import time

from swift.common.exceptions import RingBuilderError
from swift.common.ring.builder import RingBuilder
from swift.common.ring.ring import RingData
from swift.common.ring.utils import dispersion_report, validate_and_normalize_address

PROTOCOL = 1
# Every release of Swift reads it; later ones write another one unless told.
FORMAT_VERSION = 1
MAGIC = b"R1NG" + FORMAT_VERSION.to_bytes(2, "big")
# All that a builder is made of beside numbers, texts, lists and mappings.
PLAIN = {("array", "array"), ("array", "_array_reconstructor")}
KEPT = 100
MODE = 0o640
FACTS = (
    "region", "zone", "ip", "port", "replication_ip", "replication_port", "device", "weight",
    "meta",
)  # fmt: skip


class Refusal(Exception):
    """What is told to the one who asked, in one line."""


class _Plain(pickle.Unpickler):
    """
    Reads a builder, and runs nothing: it is a pickle, and one that comes back from the master was
    written on a node that may have been somebody else's since.
    """

    def find_class(self, module, name):
        if (module, name) not in PLAIN:
            raise pickle.UnpicklingError(f"it would call {module}.{name}")
        return super().find_class(module, name)


class Files:
    """A ring's builder, its ring file, and the copies of both."""

    def __init__(self, folder, ring, group):
        self.folder = pathlib.Path(folder)
        self.ring = ring
        self.group = group
        self.builder = self.folder / f"{ring}.builder"
        self.ring_file = self.folder / f"{ring}.ring.gz"
        self.copies = self.folder / "backups" / ring

    def load(self, path=None):
        """Return the builder, or None when there is none; whatever is wrong with it is said."""
        path = path or self.builder
        try:
            facts = path.stat()
        except FileNotFoundError:
            return None
        # A builder is a pickle: whoever writes it runs code here.
        if facts.st_uid != os.geteuid() or stat.S_IMODE(facts.st_mode) & 0o022:
            raise Refusal(
                f"{path} can be written by others, and loading it runs what they wrote; look at "
                f"it, then `chown root:{self.group} {path}; chmod 640 {path}`"
            )
        try:
            with open(path, "rb") as file:
                _Plain(file).load()
            builder = RingBuilder.load(str(path))
            keys = [_key(dev) for dev in _devices(builder)]
        except Exception as exc:
            raise Refusal(
                f"{path} cannot be read ({type(exc).__name__}: {exc}); `salt-call "
                f"openstack_ha_swift_ring.history {self.ring}` lists its copies, and `salt-call "
                f"openstack_ha_swift_ring.restore {self.ring} <copy>` takes one of them"
            ) from exc
        twice = sorted({key for key in keys if keys.count(key) > 1}) if _has_twins(keys) else []
        if twice:
            raise Refusal(
                f"{path} has {', '.join(twice)} twice; `swift-ring-builder {path}` shows their "
                "ids, and `set_weight <id> 0` drains the one too many"
            )
        return builder

    def known_ring(self):
        """Return md5 and version of the ring file, or None."""
        try:
            data = self.ring_file.read_bytes()
        except FileNotFoundError:
            return None
        try:
            version = RingData.load(str(self.ring_file), metadata_only=True).version
        except Exception as exc:
            raise Refusal(
                f"{self.ring_file} cannot be read ({type(exc).__name__}: {exc}); take it away, and "
                f"`salt-call openstack_ha_swift_ring.apply {self.ring}` writes it again"
            ) from exc
        return {"md5": _md5(data), "version": version}

    def notes(self):
        """Return what is known of each copy, the oldest first."""
        found = []
        for path in sorted(self.copies.glob("*.json")):
            with contextlib.suppress(ValueError):
                found.append({"copy": path.stem, **json.loads(path.read_text(encoding="utf-8"))})
        return found

    def keep(self, builder_data, ring_data, note):
        """Copy a builder and its ring; the note makes the copy one that can be restored."""
        name = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%S.%fZ")
        name = f"{name}-v{note['version']}"
        note = {"time": int(time.time()), "builder_md5": _md5(builder_data), **note}
        self.write(self.copies / f"{name}.builder", builder_data)
        if ring_data is not None:
            self.write(self.copies / f"{name}.ring.gz", ring_data)
            note["md5"] = _md5(ring_data)
        self.write(self.copies / f"{name}.json", json.dumps(note).encode())
        for old in sorted(self.copies.glob("*.json"))[:-KEPT]:
            for suffix in (".json", ".ring.gz", ".builder"):
                old.with_name(old.stem + suffix).unlink(missing_ok=True)
        return name

    def keep_present(self):
        """Copy what is there when it is in no copy: somebody else wrote it, or it is broken."""
        if not self.builder.exists():
            return
        data = self.builder.read_bytes()
        if any(note.get("builder_md5") == _md5(data) for note in self.notes()):
            return
        ring_data = self.ring_file.read_bytes() if self.ring_file.exists() else None
        try:
            version = self.load().version
        except Refusal:
            version = "unreadable"
        self.keep(data, ring_data, {"version": version, "why": "found here"})

    def make(self, folder):
        """Make a folder that Swift may read."""
        if not folder.is_dir():
            folder.mkdir(mode=0o750, parents=True)
            for path in {folder, folder.parent} & {self.folder, self.copies, self.copies.parent}:
                shutil.chown(path, group=self.group)
                path.chmod(0o750)

    def write(self, path, data):
        """Replace a file as a whole, so that a crash leaves the old one or the new one."""
        self.make(path.parent)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                shutil.chown(name, group=self.group)
                os.fchmod(file.fileno(), MODE)
                file.flush()
                os.fsync(file.fileno())
            os.rename(name, path)
        except BaseException:
            os.unlink(name)
            raise
        parent = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(parent)
        finally:
            os.close(parent)


class Work:
    """One conversation."""

    def __init__(self):
        self.files = None
        self.builder = None
        self.lock = None
        self.data = None
        self.moved = 0
        self.by_key = {}
        self.seed = None

    def open(self, folder, ring, group, is_writer=False, patience=60):
        """Read the ring; whoever may write holds the lock until the end."""
        self.files = Files(folder, ring, group)
        if is_writer or self.files.folder.is_dir():
            self._lock(is_writer, patience)
        self.builder = self.files.load()
        known = self.files.known_ring()
        if not is_writer and self.lock:
            os.close(self.lock)
        if self.builder is None and known:
            raise Refusal(
                f"{self.files.ring_file} is there and {self.files.builder} is not: a new builder "
                f"would put nearly every part elsewhere; `salt-call openstack_ha_swift_ring."
                f"history {ring}` lists the copies to restore"
            )
        return self.facts(known) if self.builder else None

    def facts(self, known):
        builder = self.builder
        removed = {dev["id"] for dev in builder._remove_devs}
        devices = {}
        for dev in _devices(builder):
            shown = {name: dev[name] for name in FACTS}
            shown["parts"] = dev["parts"]
            shown["is_removed"] = dev["id"] in removed
            devices[_key(dev)] = shown
        has_weight = any(dev["weight"] for dev in devices.values())
        places = {}
        for note in self.files.notes():
            places.update(dict.fromkeys(note.get("lost", []), note["time"]))
        return {
            "part_power": builder.part_power,
            "next_part_power": builder.next_part_power,
            "replicas": builder.replicas,
            "min_part_hours": builder.min_part_hours,
            "overload": builder.overload,
            "version": builder.version,
            "is_balanced": builder.ever_rebalanced,
            "is_changed": builder.devs_changed,
            "rebalanced_at": builder._last_part_moves_epoch,
            "now": int(time.time()),
            "seconds_left": builder.min_part_seconds_left,
            "balance": round(builder.get_balance(), 4) if has_weight else 0.0,
            "dispersion": round(builder.dispersion or 0.0, 4),
            "unplaced": sum(max(0, dev.get("parts_wanted", 0)) for dev in _devices(builder)),
            "devices": devices,
            "ring_file": known,
            "removals": [{"place": place, "time": when} for place, when in sorted(places.items())],
        }

    def change(self, steps):
        """Do the steps in memory and return the facts that they lead to."""
        version = self.builder.version if self.builder else 0
        self.moved = 0
        # Whoever tries the steps gets the same ring as the one who takes them.
        self.seed = f"{self.files.ring} {version}"
        self.by_key = {_key(dev): dev for dev in _devices(self.builder)} if self.builder else {}
        for step in steps:
            getattr(self, f"_do_{step['do']}")(step)
        self.data = None
        known = None
        if self.builder.ever_rebalanced:
            self.builder.validate()
            self.data = ring_bytes(self.builder, self.files.ring)
            known = {"md5": _md5(self.data), "version": self.builder.version}
        return {**self.facts(known), "moved": self.moved}

    def save(self, note):
        """Write a copy, the builder and the ring; return the facts as they are on the disk then."""
        if self.lock is None:
            raise Refusal("this conversation was opened to read")
        builder_data = builder_bytes(self.builder, self.files.ring)
        self.files.keep_present()
        self.files.keep(builder_data, self.data, {"version": self.builder.version, **note})
        self._put(builder_data, self.data)
        self.builder = self.files.load()
        return self.facts(self.files.known_ring())

    def dispersion(self):
        """Return Swift's own report, counted anew."""
        if self.builder is None or not self.builder.ever_rebalanced:
            raise Refusal(f"the ring {self.files.ring} has no parts yet")
        report = dispersion_report(self.builder, verbose=True, recalculate=True)
        return {
            "dispersion": self.builder.dispersion,
            "balance": self.builder.get_balance(),
            "overload": self.builder.overload,
            "required_overload": self.builder.get_required_overload(),
            "worst_place": report["worst_tier"],
            "worst_dispersion": report["max_dispersion"],
            "places": dict(report["graph"]),
        }

    def history(self, folder, ring, group):
        """Return the notes of the copies, the newest first."""
        return Files(folder, ring, group).notes()[::-1]

    def restore(self, folder, ring, group, copy, patience=60):
        """Put a copy in place when it still gives the ring it was kept for."""
        self.files = Files(folder, ring, group)
        self._lock(True, patience)
        note = next((note for note in self.files.notes() if note["copy"] == copy), None)
        if note is None:
            raise Refusal(f"there is no copy {copy!r} of the ring {ring}")
        self.builder = self.files.load(self.files.copies / f"{copy}.builder")
        if self.builder is None or not self.builder.ever_rebalanced:
            raise Refusal(f"the copy {copy} has no builder with parts")
        self.builder.validate()
        data = self._proven_ring(copy, note)
        self.files.keep_present()
        present = self.files.ring_file
        if not present.exists() or _md5(present.read_bytes()) != note["md5"]:
            # Parts go back to where they were: that is a move of today.
            hold(self.builder)
        self._put(builder_bytes(self.builder, ring), data)
        self.builder = self.files.load()
        return self.facts(self.files.known_ring())

    def _proven_ring(self, copy, note):
        """Return the ring file of a copy when it is whole and the one that its builder gives."""
        path = self.files.copies / f"{copy}.ring.gz"
        data = path.read_bytes() if path.exists() else b""
        if not data or _md5(data) != note.get("md5"):
            raise Refusal(f"{path} is not the ring with md5 {note.get('md5')}; take another copy")
        # Not the md5 of both: another zlib may compress in another way.
        if gzip.decompress(data) != gzip.decompress(ring_bytes(self.builder, self.files.ring)):
            raise Refusal(f"the builder of {copy} does not give its ring; take another copy")
        return data

    def _put(self, builder_data, ring_data):
        # The builder first: a ring can be made of it at any time, but not the other way round.
        self.files.write(self.files.builder, builder_data)
        if ring_data is not None:
            self.files.write(self.files.ring_file, ring_data)

    def _lock(self, is_writer, patience):
        """Take the lock that swift-ring-builder-safe takes too."""
        self.files.make(self.files.folder)
        self.lock = os.open(self.files.folder / ".lock", os.O_RDWR | os.O_CREAT, 0o600)

        def give_up(_signal, _frame):
            raise Refusal(
                f"somebody else has worked on {self.files.folder} for {patience} s; "
                f"`fuser {self.files.folder}/.lock` names the process"
            )

        before = signal.signal(signal.SIGALRM, give_up)
        signal.setitimer(signal.ITIMER_REAL, max(patience, 0.001))
        try:
            fcntl.flock(self.lock, fcntl.LOCK_EX if is_writer else fcntl.LOCK_SH)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)

    def _dev(self, step):
        try:
            return self.by_key[step["device"]]
        except KeyError:
            why = f"the ring {self.files.ring} has no device {step['device']}"
            raise Refusal(why) from None

    def _do_create(self, step):
        if self.builder is not None:
            raise Refusal(f"{self.files.builder} is there already")
        self.builder = RingBuilder(step["part_power"], step["replicas"], step["min_part_hours"])
        self.builder.set_overload(step["overload"])

    def _do_set_min_part_hours(self, step):
        self.builder.change_min_part_hours(step["new"])

    def _do_set_overload(self, step):
        self.builder.set_overload(step["new"])

    def _do_set_replicas(self, step):
        self.builder.set_replicas(step["new"])

    def _do_add(self, step):
        self.builder.add_dev({**step["facts"], "weight": step["new"]})

    def _do_set_weight(self, step):
        self.builder.set_dev_weight(self._dev(step)["id"], step["new"])

    _do_drain = _do_set_weight

    def _do_remove(self, step):
        self.builder.remove_dev(self._dev(step)["id"])

    def _do_set_info(self, step):
        self._dev(step).update(step["new"])
        self._do_write_ring(step)
        self.builder.version += 1

    def _do_write_ring(self, step):
        self.builder._ring = None

    def _do_rebalance(self, step):
        if step["is_forced"]:
            self.builder.pretend_min_part_hours_passed()
        hours = self.builder.min_part_hours
        if step["is_held"]:
            hold(self.builder)
            self.builder.min_part_hours = max(1, hours)
        before = [array.array("H", row) for row in self.builder._replica2part2dev or []]
        _moved, _balance, removed = self.builder.rebalance(seed=self.seed)
        self.moved = _count_moved(before, self.builder._replica2part2dev)
        self.builder.min_part_hours = hours
        if self.moved or removed:
            # The library leaves it as it is within an hour, and then lets parts move too early.
            self.builder._last_part_moves_epoch = int(time.time())


def hold(builder):
    """No part may move, unless its device is removed, until min_part_hours has passed."""
    builder._last_part_moves = array.array("B", bytes(builder.parts))
    builder._last_part_moves_epoch = int(time.time())


def _count_moved(before, after):
    """Return how many replicas have another device; with 3.25 Swift counts a quarter of them."""
    moved = 0
    for old, new in itertools.zip_longest(before, after, fillvalue=()):
        moved += sum(map(operator.ne, old, new)) + max(0, len(new) - len(old))
    return moved


def ring_bytes(builder, ring):
    """Return the ring file's content, the same bytes that swift-ring-builder writes."""
    # The name is part of the content: gzip's header has it.
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, f"{ring}.ring.gz")
        save = builder.get_ring().save
        more = {"format_version": FORMAT_VERSION}
        known = inspect.signature(save).parameters
        save(path, **{name: value for name, value in more.items() if name in known})
        data = pathlib.Path(path).read_bytes()
    if gzip.decompress(data)[: len(MAGIC)] != MAGIC:
        raise Refusal(f"this Swift writes no rings of format {FORMAT_VERSION}")
    return data


def builder_bytes(builder, ring):
    """Return the builder file's content."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, f"{ring}.builder")
        builder.save(path)
        return pathlib.Path(path).read_bytes()


def _devices(builder):
    return [dev for dev in builder.devs if dev is not None]


def _key(dev):
    return f"{validate_and_normalize_address(dev['ip'])}/{dev['device']}"


def _has_twins(keys):
    return len(set(keys)) != len(keys)


def _md5(data):
    # swift-recon compares rings by it.
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def answer(work, request):
    """Return the reply to one request."""
    request = dict(request)
    verb = request.pop("do")
    try:
        return {"answer": getattr(work, verb)(**request)}
    except Refusal as exc:
        return {"error": str(exc)}
    except RingBuilderError as exc:
        return {"error": f"Swift refuses: {exc}"}


def main():
    # What the library prints may not get between the lines.
    replies = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    os.umask(0o022)
    work = Work()
    for line in sys.stdin:
        request = json.loads(line)
        if request.pop("protocol") != PROTOCOL:
            reply = {"error": "is of another release; apply openstack_ha.swift.rings"}
        else:
            reply = answer(work, request)
        print(json.dumps(reply), file=replies, flush=True)


if __name__ == "__main__":
    main()
