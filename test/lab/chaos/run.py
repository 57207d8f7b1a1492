"""Rounds of faults under load, and what is found afterwards."""

from lab import LabError
from lab.waiting import PATIENCE

from . import watch
from .faults import FAULTS
from .load import KINDS, RECENT, Load, longest_gap
from .scene import Scene

# What the master knows of a lab that does not serve.
TOLD = (
    ("openstack_ha.status",),
    ("--out=json", "--out-indent=-1", "openstack_ha_coordinator.plan", "demo", "rabbitmq"),
)
DECISIONS = "openstack_ha/*/decision"
# Megabytes that a transfer has to move.
BALLAST = 200


class Run:
    """A lab under load: rounds are played one after the other until one does not end well."""

    def __init__(self, lab, chance, history):
        self.lab = lab
        self.history = history
        self.load = Load(lab)
        self.scene = Scene(lab, self.load, chance, history)
        self.began = history.begin
        self.failure = None
        self.lost = {kind: {} for kind in KINDS}
        self.seconds = []

    def play(self, names):
        """Play the rounds of these faults."""
        listening = self.lab.listen(DECISIONS, self.history.decision)
        with listening, self.load:
            self.load.run("writers.py", "ballast", BALLAST)
            for number, name in enumerate(names, 1):
                self.history.round(f"round {number}/{len(names)}: {name}")
                try:
                    self._round(name)
                except (LabError, AssertionError) as exc:
                    told = [self.lab.master.host.run(["salt-run", *one]).out for one in TOLD]
                    self.failure = "\n".join([f"round {number}, {name}: {exc}", *told])
                    self.history.line(f"FAILED: {exc}")
                    self.history.tell("".join(told))
                    break
        self.history.tell("slowest, in seconds after the last step of its round:")
        for part, told in self.slowest().items():
            self.history.tell(f"  {part:<9} {told}")
        for kind, by_fault in self.lost.items():
            told = [f"{len(numbers)} by {name}" for name, numbers in by_fault.items()]
            if told:
                self.history.tell(f"  lost {kind}: {', '.join(told)}")

    def slowest(self):
        """Return the three slowest rounds of each part, in seconds after a round's last step."""
        found = {}
        for part in self.seconds[0][1] if self.seconds else ():
            slowest = sorted(self.seconds, key=lambda one: -_or_never(one[1][part]))[:3]
            told = [f"{_or_never(after[part]):.1f} {name}" for name, after in slowest]
            found[part] = ", ".join(told)
        return found

    def _round(self, name):
        begin = self.history.begin
        FAULTS[name](self.scene)
        mended = self.history.last_step
        whole = self.load.whole(PATIENCE)
        served = self.load.served_since(max(mended, *(at or 0 for at in whole.values())), 60)
        after = {
            **{name: self._seconds(mended, at) for name, at in whole.items()},
            **{name: self._first(name, mended) for name in KINDS},
        }
        self.seconds.append((name, after))
        self.history.line(f"after the last step: {_figures(after)}")
        gaps = {
            kind: longest_gap(
                self._acknowledged_at(kind), begin, max(at or mended for at in served.values())
            )
            for kind in KINDS
        }
        self.history.line(f"longest gaps: {_figures(gaps)}")
        if None in whole.values() or None in served.values():
            raise LabError(f"does not serve {PATIENCE} s after the last step: {whole} {served}")
        self._count(name)

    def _acknowledged_at(self, kind):
        return [fate.at for fate in self.load.fates(kind, RECENT) if fate.is_acknowledged]

    def _first(self, kind, moment):
        first = min((at for at in self._acknowledged_at(kind) if at > moment), default=None)
        return self._seconds(moment, first)

    @staticmethod
    def _seconds(moment, at):
        return None if at is None else max(0.0, at - moment)

    def _count(self, name):
        """Which acknowledged numbers are gone since the round before."""
        for kind, read in (("rows", self._rows), *((k, self.load.messages) for k in KINDS[1:])):
            wanted = self.load.acknowledged(kind)
            found = read(kind)
            known = {number for numbers in self.lost[kind].values() for number in numbers}
            gone = wanted - found - known
            if gone:
                self.lost[kind][name] = self.lost[kind].get(name, set()) | gone
                self.history.line(f"LOST: {len(gone)} of {len(wanted)} {kind}: {_some(gone)}")

    def _rows(self, _kind):
        return self.load.rows(self.scene.nodes[0])

    def primaries(self, until):
        """Return every time that a node was in a Primary view, and all clusters' UUIDs."""
        times, uuids = [], set()
        for node in self.scene.nodes:
            script = watch.JOURNAL.format(since=self.began)
            journal = self.lab.node(node).check(["sh", "-c", script])
            off = [at for name, at in self.history.powered_off if name == node]
            times += watch.primaries(node, journal, off, until)
            uuids |= watch.cluster_uuids(journal)
        return times, uuids


def _or_never(seconds):
    return float("inf") if seconds is None else seconds


def _figures(seconds):
    return ", ".join(
        f"{name} {'never' if at is None else f'{at:.1f} s'}" for name, at in seconds.items()
    )


def _some(numbers):
    numbers = sorted(numbers)
    return " ".join(map(str, numbers[:10])) + (f" ... {numbers[-1]}" if len(numbers) > 10 else "")
