"""Swift as the tests of the lab use it: clients outside, and a look at where the copies are."""

import json
import subprocess
import time
from pathlib import Path

from lab.waiting import PATIENCE, wait_for

PYTHON = "/opt/client/bin/python"
SYSTEM_PYTHON = "/usr/bin/python3"
CLIENT, COPIES = "/opt/client/swift_client.py", "/usr/local/lib/swift_copies.py"
TASK = "/etc/swift-client.json"
UNIT = "swift-work"
KIB, MIB = 1 << 10, 1 << 20
# 1 KiB to 200 MiB; what is above 20 MiB is written in segments.
OBJECTS = {
    "1k": KIB,
    "64k": 64 * KIB,
    "1m": MIB,
    "20m": 20 * MIB,
    "200m": 200 * MIB,
}

# Seconds in which each part of the rings is asked for.
WORK = 20


def lose(lab, node):
    """Take a storage node's power away while clients work, and wait until it is back."""
    time.sleep(WORK)
    lab.node(node).kill()
    time.sleep(WORK)
    lab.node(node).boot()
    wait_for(lambda: lab.master.answering(node), PATIENCE, f"{node} to come back")
    time.sleep(WORK)


class Store:
    """What is written through the VIP; while it is entered, clients write and read all the time."""

    def __init__(self, lab):
        self.lab = lab
        self.client = lab.client
        known = lab.inventory["credentials"]["swift"]
        self.task = {
            "run": int(time.time()),
            "objects": OBJECTS,
            "log": "/var/lib/swift-work.log",
            **known,
        }
        source = Path(__file__).with_name("client.py").read_text()
        self.client.write(CLIENT, source)
        self.client.write(TASK, json.dumps(self.task), mode=0o600)
        self.account = self.run("account").strip()

    def run(self, *arguments):
        """Run a verb of client.py and return what it prints."""
        return self.client.check([PYTHON, CLIENT, TASK, *arguments])

    def __enter__(self):
        self.client.run(["systemctl", "stop", UNIT])
        self.client.run(["systemctl", "reset-failed", UNIT])
        argv = [PYTHON, CLIENT, TASK, "work"]
        self.client.check(["systemd-run", f"--unit={UNIT}", *argv])
        return self

    def __exit__(self, *_exc):
        self.client.check(["systemctl", "stop", UNIT])

    def log(self):
        """Return the operations so far, as lines."""
        return self.client.read(self.task["log"]).splitlines()

    def failed(self):
        """Return the operations that failed."""
        return [line for line in self.log() if line.startswith("f ")]

    def missing(self, node):
        """Return the copies that are not where the rings of a node say."""
        return self._ask(node, ["missing", self.account], self.run("list"))

    def handoffs(self, nodes):
        """Return the parts that nodes hold for others."""
        return {
            node.id: found
            for node in nodes
            if (found := self._ask(node, ["handoffs", node.address]))
        }

    def _ask(self, node, arguments, lines=""):
        node.write(COPIES, Path(__file__).with_name("copies.py").read_text())
        argv = node.exec([SYSTEM_PYTHON, COPIES, *arguments], "--interactive")
        done = subprocess.run(argv, input=lines, capture_output=True, text=True, check=True)
        return done.stdout.split()
