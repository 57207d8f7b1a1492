"""The master's event bus, heard from outside."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Callable

from .errors import LabError
from .host import Host

# Runs on the master's host. What `salt-run state.event` does, and says when it hears.
LISTEN = """
import fnmatch, sys
import salt.config, salt.utils.event, salt.utils.json
opts = salt.config.master_config("/etc/salt/master")
with salt.utils.event.get_event("master", opts["sock_dir"], opts=opts, listen=True) as bus:
    print("connected" if bus.connect_pub(timeout=60) else "not connected", flush=True)
    for event in bus.iter_events(full=True, auto_reconnect=True):
        if fnmatch.fnmatch(event["tag"], sys.argv[1]):
            data = salt.utils.json.dumps(event["data"], default=str)
            print(event["tag"], data, sep="\\t", flush=True)
"""
PYTHON = "/opt/salt/bin/python3"

Tell = Callable[[str, dict], None]


def parsed(line: str) -> tuple[str, dict] | None:
    """Return tag and data of a line of the listener, or None for any other line."""
    tag, _, text = line.partition("\t")
    try:
        return tag, json.loads(text)
    except json.JSONDecodeError:
        return None


class Listener:
    """While it is entered, `tell` hears every event whose tag matches a glob."""

    def __init__(self, master: Host, glob: str, tell: Tell):
        self.master = master
        self.glob = glob
        self.tell = tell

    def __enter__(self) -> Listener:
        # exec keeps the shell's PID, so the first line names what __exit__ has to end.
        argv = ["sh", "-c", 'echo $$; exec "$@"', "sh", PYTHON, "-c", LISTEN, self.glob]
        self.job = subprocess.Popen(
            self.master.exec(argv), stdout=subprocess.PIPE, text=True, errors="replace"
        )
        self.pid = self.job.stdout.readline().strip()
        if self.job.stdout.readline().strip() != "connected":
            raise LabError(f"{self.master.id}'s event bus is not heard; does the salt-master run?")
        self.thread = threading.Thread(target=self._listen, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_exc) -> None:
        self.master.run(["kill", self.pid])
        self.thread.join(timeout=60)
        self.job.wait(timeout=60)

    def _listen(self) -> None:
        for line in self.job.stdout:
            event = parsed(line)
            if event:
                self.tell(*event)
