"""
Swift's rings, built on the one node that owns their builders.

A helper in the system's Python works with Swift's library, which Salt's own Python does not see:
one process a call, which hears the steps that ``openstack_ha_swift_ring_plan`` decides. The folder
is not /etc/swift: what is built here serves only when it has been spread.
"""

import hashlib
import json
import os
import subprocess
import tempfile
import threading

from salt.exceptions import CommandExecutionError

__virtualname__ = "openstack_ha_swift_ring"

PYTHON = "/usr/bin/python3"
PROGRAM = "/usr/libexec/openstack_ha/openstack-ha-swift-ring.py"
FOLDER = "/var/lib/openstack_ha/swift"
SERVED = "/etc/swift"
GROUP = "swift"
PROTOCOL = 1
# Seconds for one call, most of it a rebalance; 1000 devices and 2^20 parts take minutes.
TIMEOUT = 1800
# Swift's library keeps tiers in sets of text; else a rebalance differs from its dry run.
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "PYTHONHASHSEED": "0"}


def __virtual__():
    return __virtualname__


class _NotInstalled(CommandExecutionError):
    """The helper or Swift's library is not there."""


def plan(ring, replication=None, force=False, folder=FOLDER):
    """
    Return what ``apply`` would do with a ring; the rebalance is tried in memory.

    ring
        ``account``, ``container``, ``object`` or ``object-<policy>``.

    replication
        The last whole pass of each storage node, ``{address: {"started", "completed"}}`` in
        seconds since the epoch; a node that is not known has None. Without it the nodes are asked,
        if something waits.

    force
        Wait neither for min_part_hours, nor for replication, the master's copy and nodes without
        the ring.

    folder
        Where the builders are.

    Returns ``{"ring", "changes", "steps", "later", "waits", "refusals", "before", "after"}``:
    ``changes`` is the difference as a state shows it; ``later`` has the steps that wait, ``waits``
    and ``refusals`` say why and what helps; ``before`` and ``after`` have version, md5, balance,
    dispersion, parts that move and seconds that min_part_hours still takes. ``after`` is None when
    there is nothing to do, and when Swift's library is not installed yet.

    Raises CommandExecutionError on another node than the rings' owner, when the builder cannot be
    read, and when Swift refuses.

    CLI Example:

    .. code-block:: bash

        salt-call openstack_ha_swift_ring.plan object
    """
    return _work(ring, replication, force, folder, is_saved=False)


def apply(ring, replication=None, force=False, folder=FOLDER):
    """
    Bring a ring one step nearer to the pillar, and save it with a copy.

    ring, replication, force, folder
        As for ``plan``.

    Returns what ``plan`` returns; ``after`` has been read back from the disk. The ring is not
    spread by this.

    Raises CommandExecutionError as ``plan`` does, and when the file on the disk is not the ring
    that was made.

    CLI Example:

    .. code-block:: bash

        salt-call openstack_ha_swift_ring.apply object
    """
    return _work(ring, replication, force, folder, is_saved=True)


def status(ring=None, folder=FOLDER):
    """
    Return the facts of one ring, or of all rings of the pillar.

    ring
        A ring; default: all of them.

    folder
        Where the builders are.

    Returns ``{ring: {"version", "md5", "is_current", "balance", "dispersion", "parts", "replicas",
    "overload", "min_part_hours", "seconds_left", "rebalanced_at", "devices"}}``; ``is_current``
    says whether the ring file is the builder's; a ring without a builder is None.

    Raises CommandExecutionError when a builder cannot be read.

    CLI Example:

    .. code-block:: bash

        salt-call openstack_ha_swift_ring.status object
    """
    rings = [ring] if ring else list(_view()["swift"]["rings"])
    found = {}
    for name in rings:
        with _Helper() as helper:
            facts = helper.ask("open", ring=name, folder=folder, group=GROUP)
        found[name] = facts and {
            **_figures(facts),
            "is_current": (facts["ring_file"] or {}).get("version") == facts["version"],
            **{key: facts[key] for key in ("replicas", "overload", "min_part_hours")},
            "parts": 2 ** facts["part_power"],
            "rebalanced_at": facts["rebalanced_at"],
            "devices": facts["devices"],
        }
    return found


def dispersion(ring, folder=FOLDER):
    """
    Return how far replicas are apart, counted anew by Swift's own report.

    ring
        A ring.

    folder
        Where the builders are.

    Returns ``{"dispersion", "balance", "overload", "required_overload", "worst_place",
    "worst_dispersion", "places"}``; figures in percent, but overload as a share.

    Raises CommandExecutionError when the ring has no parts, or cannot be read.

    CLI Example:

    .. code-block:: bash

        salt-call openstack_ha_swift_ring.dispersion object
    """
    with _Helper() as helper:
        helper.ask("open", ring=ring, folder=folder, group=GROUP)
        return helper.ask("dispersion")


def history(ring, folder=FOLDER):
    """
    Return the copies of a ring's builder, the newest first.

    ring
        A ring.

    folder
        Where the builders are.

    Returns a list of ``{"copy", "time", "version", "md5", "builder_md5", "why", ..}``: the name
    that ``restore`` takes, seconds since the epoch, the md5 of the ring, and what it was made for.

    CLI Example:

    .. code-block:: bash

        salt-call openstack_ha_swift_ring.history object
    """
    with _Helper() as helper:
        return helper.ask("history", ring=ring, folder=folder, group=GROUP)


def restore(ring, copy, folder=FOLDER):
    """
    Put a copy of a builder and its ring in place; what was there becomes a copy first.

    ring
        A ring.

    copy
        A name from ``history``.

    folder
        Where the builders are.

    Returns version, md5 and the other figures of the ring. When the copy is another ring than the
    one in place, its parts may not move again before min_part_hours.

    Raises CommandExecutionError when there is no such copy, and when its builder does not give the
    ring that it was kept with.

    CLI Example:

    .. code-block:: bash

        salt-call openstack_ha_swift_ring.restore object 20240501T120000.000000Z-v12
    """
    _owned()
    with _Helper() as helper:
        found = helper.ask("restore", ring=ring, folder=folder, group=GROUP, copy=copy)
    return _figures(found)


def _work(ring, replication, force, folder, is_saved):
    try:
        view = _owned()
        desired = __utils__["openstack_ha_swift_ring.desired"](view, ring)
    except ValueError as exc:
        raise CommandExecutionError(str(exc)) from exc
    options = {**desired["options"], "replication": replication, "is_forced": bool(force)}
    if view["swift"]["keep_copies"]:
        options["receipt"] = _receipt(ring, folder)
    try:
        with _Helper() as helper:
            return _worked(helper, desired, options, folder, is_saved)
    except _NotInstalled:
        # The dry run on a bare host: it can tell of a ring that nobody has built yet.
        if is_saved or os.path.exists(os.path.join(folder, f"{ring}.builder")):
            raise
        found = __utils__["openstack_ha_swift_ring_plan.plan"](desired, None, options)
        return _told(ring, found, None, None)


def _receipt(ring, folder):
    """What the master has said about the builder as it is, None when it has no copy of that."""
    path = os.path.join(folder, f"{ring}.builder")
    if not os.path.exists(path):
        return None
    with open(path, "rb") as file:
        md5 = hashlib.md5(file.read(), usedforsecurity=False).hexdigest()
    receipt = __salt__["openstack_ha_swift.receipts"]().get(ring, {})
    return receipt if receipt.get("builder_md5") == md5 else None


def _worked(helper, desired, options, folder, is_saved):
    ring = desired["ring"]
    before = helper.ask("open", ring=ring, folder=folder, group=GROUP, is_writer=is_saved)
    if before is None and os.path.exists(f"{SERVED}/{ring}.ring.gz") and folder == FOLDER:
        raise CommandExecutionError(
            f"Swift serves a ring {ring} here, and its builder is not in {folder}: a new one would "
            f"put nearly every part elsewhere. `salt-run openstack_ha_swift.restore "
            f"{__salt__['openstack_ha.view']()['name']} {ring}` brings the master's copy"
        )
    found = __utils__["openstack_ha_swift_ring_plan.plan"](desired, before, options)
    if found["waits"] and options["wait_for_replication"] and options["replication"] is None:
        # Nodes are asked only when something waits: one that is down costs seconds.
        options["replication"] = __salt__["openstack_ha_swift.replication"](ring)
        found = __utils__["openstack_ha_swift_ring_plan.plan"](desired, before, options)
    steps = found["steps"]
    if not steps:
        return _told(ring, found, before, None)
    after = helper.ask("change", steps=steps)
    refusals = __utils__["openstack_ha_swift_ring_plan.result_refusals"](
        desired, steps, before, after, options
    )
    if refusals:
        found = {**found, "steps": [], "later": steps + found["later"], "refusals": refusals}
        return _told(ring, found, before, None)
    if not __utils__["openstack_ha_swift_ring_plan.is_worth"](steps, before, after):
        return _told(ring, {**found, "steps": []}, before, None)
    if is_saved:
        saved = helper.ask("save", note=_note(steps))
        wrong = [name for name in ("version", "ring_file", "devices") if saved[name] != after[name]]
        if wrong:
            raise CommandExecutionError(
                f"the builder of {ring} on the disk differs from what was saved in "
                f"{', '.join(wrong)}; do not spread it. `salt-call openstack_ha_swift_ring.history "
                f"{ring}` lists the copies"
            )
        after = {**saved, "moved": after["moved"]}
    return _told(ring, found, before, after)


def _note(steps):
    lost = {step["place"] for step in steps if step["do"] == "remove" and step.get("place")}
    verbs = [step["do"] for step in steps]
    counts = {verb: verbs.count(verb) for verb in dict.fromkeys(verbs)}
    why = ", ".join(f"{count} {verb}" for verb, count in counts.items())
    return {"why": why, "lost": sorted(lost)}


def _told(ring, found, before, after):
    changes = __utils__["openstack_ha_swift_ring.changes"](found["steps"], before, after)
    return {
        "ring": ring,
        "changes": changes,
        **found,
        "before": before and _figures(before),
        "after": after and {**_figures(after), "moved": after["moved"]},
    }


def _figures(facts):
    known = facts["ring_file"] or {}
    return {
        "version": facts["version"],
        "md5": known.get("md5"),
        "balance": facts["balance"],
        "dispersion": facts["dispersion"],
        "seconds_left": facts["seconds_left"],
    }


def _view():
    return __salt__["openstack_ha.view"]()


def _owned():
    """The view of the node, when it is the one that builds rings."""
    view = _view()
    owner = __utils__["openstack_ha_cluster.rings_owner"](view)
    if owner != __opts__["id"]:
        raise CommandExecutionError(
            f"{owner or 'no node'} builds the rings of {view['name']}, not {__opts__['id']}; two "
            "builders of one ring lose data. openstack_ha:swift:owner names the node"
        )
    return view


class _Helper:
    """A conversation with the helper; it ends with the block, and after TIMEOUT at the latest."""

    def __enter__(self):
        if not os.path.isfile(PROGRAM):
            raise _NotInstalled(f"{PROGRAM} is missing; apply openstack_ha.swift.rings")
        self.complaints = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            [PYTHON, PROGRAM],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.complaints,
            env=ENVIRONMENT,
            cwd="/",
            text=True,
            encoding="utf-8",
        )
        self.alarm = threading.Timer(TIMEOUT, self.process.kill)
        self.alarm.start()
        return self

    def __exit__(self, kind, *_exc):
        # Nothing is on its way after an answer; after a failure nobody waits for one.
        if kind is not None:
            self.process.kill()
        self.process.communicate()
        self.alarm.cancel()
        self.complaints.close()

    def ask(self, verb, **request):
        """Return the helper's answer to one request."""
        line = json.dumps({"protocol": PROTOCOL, "do": verb, **request})
        try:
            self.process.stdin.write(f"{line}\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            # It has said on stderr why it is gone.
            pass
        reply = self.process.stdout.readline()
        if not reply:
            raise self._gone()
        reply = json.loads(reply)
        if "error" in reply:
            raise CommandExecutionError(reply["error"])
        return reply["answer"]

    def _gone(self):
        code = self.process.wait()
        self.complaints.seek(0)
        said = self.complaints.read().decode(errors="replace").strip()
        if "No module named 'swift" in said:
            return _NotInstalled("python3-swift is missing; apply openstack_ha.swift.rings")
        last = said.splitlines()[-1] if said else f"no answer within {TIMEOUT} s"
        return CommandExecutionError(f"{PROGRAM} ended with {code}: {last}")
