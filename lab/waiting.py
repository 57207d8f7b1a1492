"""Waiting for a condition, bounded."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from .errors import LabError

Found = TypeVar("Found")


def wait_for(probe: Callable[[], Found], seconds: float, what: str, pause: float = 1.0) -> Found:
    """Return the first true answer of `probe`; raise when there is none within `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        found = probe()
        if found:
            return found
        if time.monotonic() >= deadline:
            raise LabError(f"Waited {seconds:g} s in vain for {what}")
        time.sleep(pause)
