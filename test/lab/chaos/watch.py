"""Every view that the Galera servers were in, from their journals, and whether two were Primary."""

import re
from typing import NamedTuple

# What of mariadb's journal tells about views and about the life of its processes.
JOURNAL = (
    "journalctl --no-pager --output=short-unix --identifier=mariadbd --identifier=systemd "
    "--since=@{since:.0f} | grep -E 'WSREP: view\\(|memb \\{{|^[0-9.]+ \\S+ mariadbd\\[[0-9]+\\]: "
    "+[0-9a-f]+-[0-9a-f]+,|joined \\{{|group UUID|Starting MariaDB|mariadb.service: (Main process "
    "exited|Deactivated)' || true"
)

_LINE = re.compile(r"^([0-9.]+) \S+ ([\w-]+)\[(\d+)\]: (.*)$")
_VIEW = re.compile(r"WSREP: view\((?:view_id\((\w+),([0-9a-f-]+),(\d+)\) memb \{|\(empty\))")
_MEMBER = re.compile(r"^\s+([0-9a-f]+-[0-9a-f]+),\d+")
_GROUP = re.compile(r"group UUID = ([0-9a-f-]{36})")
_ENDED = re.compile(r"mariadb\.service: (Main process exited|Deactivated)")

# A view reaches its members at slightly different times: evs.inactive_timeout and
# evs.install_timeout bound it, with room for a busy machine.
SKEW = 15


class Primary(NamedTuple):
    """One node's time in one Primary view."""

    node: str
    view: str
    members: frozenset
    begin: float
    end: float


def primaries(node, journal, powered_off, until):
    """
    Return the times that a node was in Primary views.

    node
        Its id.

    journal
        The output of JOURNAL on it.

    powered_off
        Times at which the node lost its power.

    until
        When the watch ended.
    """
    found, view, members, is_listing = [], None, set(), False

    def close(end):
        nonlocal view
        if view:
            kind, name, begin = view
            cut = min([off for off in powered_off if begin < off < end], default=end)
            if kind == "PRIM":
                found.append(Primary(node, name, frozenset(members), begin, cut))
        view = None

    for line in journal.splitlines():
        parsed = _LINE.match(line)
        if not parsed:
            continue
        at, text = float(parsed[1]), parsed[4]
        seen, member = _VIEW.search(text), _MEMBER.match(text)
        if seen:
            close(at)
            view, members, is_listing = (seen[1], f"{seen[2]},{seen[3]}", at), set(), True
        elif is_listing and member:
            members.add(member[1])
        elif "joined {" in text:
            is_listing = False
        elif _ENDED.search(text) or "Starting MariaDB" in text:
            close(at)
    close(until)
    return found


def cluster_uuids(journal):
    """Return the UUIDs of the clusters that a node was ever in."""
    return set(_GROUP.findall(journal))


def two_primaries(times):
    """Return the pairs of Primary views that existed at once and were not one after the other.

    Views without a common member at the same time are two components. Views with one are
    neighbours in time, so they may meet for no longer than a change of the view takes.
    """
    wrong = []
    for number, one in enumerate(times):
        for other in times[number + 1 :]:
            if one.view == other.view:
                continue
            both = min(one.end, other.end) - max(one.begin, other.begin)
            if both > (SKEW if one.members & other.members else 0):
                wrong.append((both, one, other))
    return wrong
