"""Runbooks as they are read: what to type where, section by section."""

import re

from support import ROOT

FOLDER = ROOT / "docs" / "runbooks"
COMMAND = re.compile(r"(?P<where>\w+)# (?P<command>.+)")


def sections(name):
    """
    Return a runbook's blocks of commands by the title of their section.

    A command is a pair of the host and what is typed there. What stands before the first section
    has the title "".
    """
    title, block = "", None
    found = {title: []}
    for line in (FOLDER / name).read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            title = line.removeprefix("## ")
            found[title] = []
        elif line == "```console":
            block = []
            found[title].append(block)
        elif line.startswith("```"):
            block = None
        elif block is not None:
            block.append(COMMAND.fullmatch(line).groups())
    return found


def place(way_out):
    """Return the runbook and the section that a refusal names."""
    return re.match(r"docs/runbooks/(\S+), '([^']+)'", way_out).groups()
