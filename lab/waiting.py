"""
Waiting for a condition, bounded.

A look is work for the machine that is waited for, so the pause after it is as long as it took: who
looks again at once keeps it from what he waits for.
"""

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
        found, took = _timed(probe)
        if found:
            return found
        if time.monotonic() >= deadline:
            raise LabError(f"Waited {seconds:g} s in vain for {what}; seen last: {found!r}")
        time.sleep(max(pause, took))


def wait_while(look: Callable[[], Found], seconds: float, what: str, pause: float = 0.5) -> None:
    """Wait until `look` finds nothing any more; raise with what it found last."""
    deadline = time.monotonic() + seconds
    while True:
        found, took = _timed(look)
        if not found:
            return
        if time.monotonic() >= deadline:
            shown = str(found)[:SHOWN]
            raise LabError(f"Waited {seconds:g} s in vain for {what}; seen last: {shown}")
        time.sleep(max(pause, took))


def _timed(look: Callable[[], Found]) -> tuple[Found, float]:
    begin = time.monotonic()
    return look(), time.monotonic() - begin
