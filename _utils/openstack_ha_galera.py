"""
What Galera writes about itself, as data: positions, views, sizes and provider options.
"""

import re

ZERO_UUID = "00000000-0000-0000-0000-000000000000"
UNKNOWN_SEQNO = -1

_UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
# A GTID may follow: uuid:seqno,domain-server-number (MariaDB with wsrep_gtid_mode).
_RECOVERED = re.compile(rf"WSREP: Recovered position: ?({_UUID}):(-?\d+)(?:,\S+)?\s*$", re.M)
# Galera prints the undefined seqno as an unsigned 64-bit number in places.
_UNSIGNED_UNDEFINED = 2**64 - 1

_SIZE = re.compile(r"^(\d+)([MG])$")
_SIZE_FACTOR = {"M": 1, "G": 1024}

# What failover depends on; each value with its reason.
# https://galeracluster.com/library/documentation/galera-parameters.html
PROVIDER_OPTIONS = {
    # Suspect a silent member after 1 s and drop it after 3 s at the latest: default 5 s and 15 s.
    "evs.keepalive_period": "PT0.3S",
    "evs.suspect_timeout": "PT1S",
    "evs.inactive_timeout": "PT3S",
    "evs.inactive_check_period": "PT0.2S",
    "evs.install_timeout": "PT3S",
    # Two survivors do not suspect at the same moment, and the later one says so with the next of
    # these: default 1 s, which every failover lasted longer.
    "evs.join_retrans_period": "PT0.3S",
    # The last view, kept over a crash: all its members back means the cluster is back.
    "pc.recovery": "TRUE",
}


def seqno(text):
    """
    Return a sequence number, with -1 for one that is not known.

    text
        The number as Galera prints it; None and empty text are not known either.
    """
    try:
        number = int(str(text).strip())
    except ValueError:
        return UNKNOWN_SEQNO
    return UNKNOWN_SEQNO if number in (_UNSIGNED_UNDEFINED, UNKNOWN_SEQNO) else number


def grastate(text):
    """
    Return ``{uuid, seqno, safe_to_bootstrap}`` of a grastate.dat.

    text
        The file's content; a broken one has a zero UUID and an unknown seqno.
    """
    fields = dict(
        (part.strip() for part in line.split(":", 1))
        for line in text.splitlines()
        if ":" in line and not line.startswith("#")
    )
    uuid = fields.get("uuid", "")
    return {
        "uuid": uuid if re.fullmatch(_UUID, uuid) else ZERO_UUID,
        "seqno": seqno(fields.get("seqno")),
        "safe_to_bootstrap": fields.get("safe_to_bootstrap") == "1",
    }


def gvwstate(text):
    """
    Return the UUIDs of the members of the last view, or None when the file holds no view.

    text
        The content of gvwstate.dat; it can be empty after a crash (codership/galera#354).
    """
    members = re.findall(rf"^member: ({_UUID}) \d+$", text, re.M)
    complete = "#vwend" in text
    return members if members and complete else None


def recovered(log):
    """
    Return ``{uuid, seqno}`` of the last position in the log of a ``--wsrep-recover`` run.

    log
        The run's own log, nothing else: an older line would be taken for the answer.

    Returns None when it has no position.
    """
    found = _RECOVERED.findall(log)
    if not found:
        return None
    uuid, number = found[-1]
    return {"uuid": uuid, "seqno": seqno(number)}


def buffer_pool_megabytes(setting, memory_megabytes):
    """
    Return the size of InnoDB's buffer pool in MB, 128 (the server's default) at least.

    setting
        A size (``512M``, ``8G``), or a share of the memory (``25%``).

    memory_megabytes
        The node's memory.
    """
    if setting.endswith("%"):
        return max(128, memory_megabytes * int(setting[:-1]) // 100)
    number, unit = _SIZE.match(setting).groups()
    return int(number) * _SIZE_FACTOR[unit]


def provider_options(gcache_size, overrides):
    """
    Return the one value of wsrep_provider_options: an option file keeps only its last line of it.

    gcache_size
        Size of the ring buffer.

    overrides
        Options to add or to replace.
    """
    options = {**PROVIDER_OPTIONS, "gcache.size": gcache_size, **overrides}
    return "; ".join(f"{name}={shown(value)}" for name, value in sorted(options.items()))


def server_options(own, chosen):
    """
    Return the options of a server as ``[(name, value), ..]`` in the order in which they stand in
    its file, an option with several values once for each.

    own
        The formula's own by name.

    chosen
        The pillar's. They come last, where they count, however they are spelled: MariaDB takes
        dashes for underscores, any case, a prefix, and ``loose_`` before a name.
    """
    rows = [one for one in sorted(own.items()) if one[0] not in chosen]
    for name, value in sorted(chosen.items()):
        values = value if isinstance(value, list) else [value]
        rows += [(name, shown(one)) for one in values]
    return rows


def shown(value):
    """
    Return a value as MariaDB and Galera read it.

    value
        A text, a number or a boolean.
    """
    return ("ON" if value else "OFF") if isinstance(value, bool) else value
