"""The writers in the lab's client, driven from outside."""

import json
import re
import time
from pathlib import Path
from typing import NamedTuple

from support import sql

PYTHON = "/opt/client/bin/python"
FOLDER = "/var/lib/chaos"
TASK = "/etc/chaos.json"
UNIT = "chaos-writers"
# Seconds until a broker has certainly written the name of a new quorum queue to its disk. RabbitMQ
# 3.10 does that after it has confirmed the first messages: a power cut of all brokers within the
# first second loses them, and nothing shows when the name is there.
QUEUE_AGE = 10
# Lines of a log: more than a writer writes in the longest round.
RECENT = 20000
KINDS = ("rows", "quorum", "mirrored")
KEPT = ("mirrored",)

_LINE = re.compile(r"^([au]) (\d+) ([0-9.]+)", re.M)


class Fate(NamedTuple):
    """What became of one number."""

    is_acknowledged: bool
    number: int
    at: float


def fates(log):
    """Return the fates in a writer's log; a last line that is not whole is none."""
    whole = log[: log.rfind("\n") + 1]
    return [Fate(kind == "a", int(number), float(at)) for kind, number, at in _LINE.findall(whole)]


def longest_gap(times, begin, end):
    """Return the longest time between two acknowledged numbers from `begin` to `end`."""
    inside = [begin, *sorted(at for at in times if begin < at < end), end]
    return max(later - sooner for sooner, later in zip(inside, inside[1:], strict=False))


class Load:
    """While it is entered, rows and messages are written through the VIP."""

    def __init__(self, lab):
        self.lab = lab
        self.client = lab.client
        self.task = {
            "run": int(time.time()),
            "vip": lab.inventory["vip"]["address"],
            "nodes": [lab.node(one).address for one in lab.with_role("controller")],
            "folder": FOLDER,
            **lab.inventory["credentials"],
        }
        for name in ("writers.py", "messages.py", "whole.py"):
            self.client.write(f"/opt/client/{name}", Path(__file__).with_name(name).read_text())
        self.client.write(TASK, json.dumps(self.task), mode=0o600)

    def run(self, script, *arguments, timeout=600):
        """Run one of our scripts in the client and return what it prints."""
        argv = [PYTHON, f"/opt/client/{script}", TASK, *map(str, arguments)]
        return self.client.check(argv, timeout=timeout)

    def __enter__(self):
        self.client.run(["systemctl", "stop", UNIT])
        self.client.run(["systemctl", "reset-failed", UNIT])
        self.run("writers.py", "prepare")
        argv = [PYTHON, "/opt/client/writers.py", TASK, "write"]
        self.client.check(["systemd-run", f"--unit={UNIT}", *argv])
        time.sleep(QUEUE_AGE)
        return self

    def __exit__(self, *_exc):
        self.client.check(["systemctl", "stop", UNIT])

    def fates(self, kind, lines="+1"):
        """Return the fates of all numbers of a kind so far, or of the last lines of its log."""
        return fates(self.client.check(["tail", f"--lines={lines}", f"{FOLDER}/{kind}.log"]))

    def acknowledged(self, kind):
        """Return the numbers of a kind that were acknowledged so far."""
        return {fate.number for fate in self.fates(kind) if fate.is_acknowledged}

    def whole(self, seconds):
        """Wait until Galera and RabbitMQ are whole; return since when each is, None for not."""
        return json.loads(self.run("whole.py", seconds, timeout=int(seconds) + 60))

    def rows(self, node):
        """Return the numbers of the rows that the server of a node has."""
        # A server may be some writes behind until it is asked to wait for them.
        select = "SET SESSION wsrep_sync_wait = 1; SELECT id FROM probe.chaos"
        return set(map(int, sql(self.lab.node(node), select).split()))

    def messages(self, kind):
        """Return the numbers of all messages that are, or were at an earlier look, in a queue.

        A mirrored queue keeps its messages, so that there is something to lose: a copy that is
        not in step. A quorum queue hands them out for good, since it hands out no more than 2000
        others.
        """
        taken = f"{FOLDER}/{kind}.taken"
        if kind in KEPT:
            self.client.run(["rm", "-f", taken])
        self.run("messages.py", self.queue(kind), taken, "keep" if kind in KEPT else "take")
        return {int(line) for line in self.client.read(taken).split()}

    def queue(self, kind):
        """Return a queue's name, which no earlier run has used."""
        return f"chaos_{self.task['run']}_{kind}"

    def served_since(self, moment, seconds):
        """Wait until each kind was acknowledged after a moment; return when that was, by kind."""
        deadline = time.monotonic() + seconds
        while True:
            first = {kind: self._first_after(kind, moment) for kind in KINDS}
            if all(first.values()) or time.monotonic() >= deadline:
                return first
            time.sleep(1)

    def _first_after(self, kind, moment):
        times = (fate.at for fate in self.fates(kind, RECENT) if fate.is_acknowledged)
        return next((at for at in times if at > moment), None)
