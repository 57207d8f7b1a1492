"""The master's event bus, heard from outside."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Callable

from .host import Host

Tell = Callable[[str, dict], None]


def parsed(line: str) -> tuple[str, dict] | None:
    """Return tag and data of a line of `salt-run state.event`, or None for any other line."""
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
        script = 'echo $$; exec salt-run state.event "$0"'
        argv = self.master.exec(["sh", "-c", script, self.glob])
        self.job = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, errors="replace")
        self.pid = self.job.stdout.readline().strip()
        self.thread = threading.Thread(target=self._listen, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_exc) -> None:
        self.master.run(["kill", self.pid])
        self.thread.join(timeout=10)
        self.job.wait(timeout=10)

    def _listen(self) -> None:
        for line in self.job.stdout:
            event = parsed(line)
            if event:
                self.tell(*event)
