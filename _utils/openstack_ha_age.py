"""
Ages and times as people read them.
"""

import time

# Seconds of a unit, the longest first.
UNITS = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))


def age(seconds):
    """
    Return a duration in its two largest units: ``3 min 20 s``, ``2 d 4 h``, ``0 s``.

    seconds
        How long; less than nothing, as by a clock that was set, is 0.
    """
    left, words = max(int(seconds), 0), []
    for unit, size in UNITS:
        number, left = divmod(left, size)
        if number:
            words.append(f"{number} {unit}")
        elif words:
            break
    return " ".join(words[:2]) or "0 s"


def ago(moment, now):
    """
    Return when something was and how long ago: ``2026-11-27 03:53 UTC (3 min 20 s)``.

    moment, now
        Seconds since the epoch.
    """
    return f"{time.strftime('%Y-%m-%d %H:%M', time.gmtime(moment))} UTC ({age(now - moment)})"
