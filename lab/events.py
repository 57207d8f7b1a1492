"""The master's event bus, heard from outside."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Iterator

from .host import Host

Tell = Callable[[str, dict], None]


def lines(chunks: Iterable[bytes]) -> Iterator[str]:
    """Return the whole lines of a stream that comes in pieces."""
    rest = b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        yield from (line.decode(errors="replace") for line in whole)


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
        api = self.master.api
        job = api.exec_create(self.master.container.id, ["sh", "-c", script, self.glob])["Id"]
        stream = api.exec_start(job, stream=True, demux=True)
        self.lines = lines(out for out, _ in stream if out)
        self.pid = next(self.lines)
        self.thread = threading.Thread(target=self._listen, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_exc) -> None:
        self.master.run(["kill", self.pid])
        self.thread.join(timeout=10)

    def _listen(self) -> None:
        for line in self.lines:
            event = parsed(line)
            if event:
                self.tell(*event)
