"""
What changes in a file of which some lines have secrets.
"""

import difflib
import re

import openstack_ha_masked

# Of a line anything may be a name; of what the formula does not write any more nobody knows.
SECRET = re.compile(r"passw|secret|token|credential|\bauth\b|api_?key|private", re.IGNORECASE)
# What stands for a line that has a secret, or may have one.
HIDDEN = "(a line that is not shown)"


def diff(before, after):
    """
    Return the difference of two texts in unified form, without any line that has a secret or may
    have one; the last line says so where only such lines differ.

    before, after
        The text on disk, and the one to be written.
    """
    old, new = (list(map(_shown, text.splitlines())) for text in (before, after))
    lines = list(difflib.unified_diff(old, new, "before", "after", lineterm=""))
    if not lines and before != after:
        return "only lines differ that are not shown, as they have secrets"
    return "\n".join(lines)


def _shown(line):
    patterns = (SECRET, openstack_ha_masked.CREDENTIALS)
    return HIDDEN if any(pattern.search(line) for pattern in patterns) else line
