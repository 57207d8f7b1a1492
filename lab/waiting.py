"""Waiting for a condition, bounded."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from .errors import LabError

Found = TypeVar("Found")
# Seconds for what a machine does that has much else to do.
PATIENCE = 1800
# Characters of what was seen last that an error shows.
SHOWN = 1500


def wait_for(probe: Callable[[], Found], seconds: float, what: str, pause: float = 0.5) -> Found:
    """Return the first true answer of `probe`; raise when there is none within `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        found = probe()
        if found:
            return found
        if time.monotonic() >= deadline:
            raise LabError(f"Waited {seconds:g} s in vain for {what}; seen last: {found!r}")
        time.sleep(pause)


def wait_while(look: Callable[[], Found], seconds: float, what: str, pause: float = 0.5) -> None:
    """Wait until `look` finds nothing any more; raise with what it found last."""
    deadline = time.monotonic() + seconds
    while found := look():
        if time.monotonic() >= deadline:
            shown = str(found)[:SHOWN]
            raise LabError(f"Waited {seconds:g} s in vain for {what}; seen last: {shown}")
        time.sleep(pause)
