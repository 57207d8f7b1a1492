"""
What stands in a ring file of Swift's, and no more memory than that is worth.

A head that is JSON, and behind it, for each replica, the number of each part's device, in gzip
(``RingData.serialize_v1`` in swift/common/ring/ring.py).
"""

import array
import collections
import hashlib
import json
import struct
import sys
import zlib

MAGIC = b"R1NG"
# Magic, format and the length of what is known of the ring, which stands before its parts.
HEAD = struct.Struct("!4sHI")
FORMAT = 1
# Bytes: what is inflated at once, and a head of 65,536 devices, which are all there can be.
PIECE = 1 << 20
MOST_HEAD = 1 << 26
# What zlib reads: its own streams, and gzip's.
PLAIN, GZIP = zlib.MAX_WBITS, zlib.MAX_WBITS | 16
# Of the hash, by which parts have their numbers.
BITS = 32
NO_RING = "is no ring"


def md5(data):
    """
    Return the md5 of bytes, by which Swift's own tools compare rings.

    data
        Bytes.
    """
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def inflated(data, most):
    """
    Return what zlib has compressed, as bytes.

    data
        What came of it.

    most
        Bytes that are inflated at most.

    Raises ValueError when it is more, or not whole.
    """
    return b"".join(_pieces(data, PLAIN, most))


def facts(data):
    """
    Return what is known of a ring file as ``{"md5", "version", "addresses"}``.

    data
        The file's bytes. Of one that is no whole ring the version is None.

    ``addresses`` has ``(address, port)`` of the servers of its devices.
    """
    found = {"md5": md5(data), "version": None, "addresses": []}
    try:
        known, pieces = _opened(data, None)
        servers = {(one["ip"], one["port"]) for one in known["devs"] if one}
        collections.deque(pieces, maxlen=0)
    except (ValueError, KeyError, TypeError):
        return found
    # A ring without one was made by a Swift older than any that is supported.
    return {**found, "version": known.get("version", 0), "addresses": sorted(servers)}


def content(data, most):
    """
    Return all that a ring says: ``{"version", "replicas", "part_power", "devices"}``; each device
    as Swift has it, with the number of its ``parts``.

    data
        The file's bytes.

    most
        Bytes that are inflated at most.

    Raises ValueError when it is no whole ring, or more.
    """
    try:
        known, pieces = _opened(data, most)
        counts = _counts(pieces, known.get("byteorder", sys.byteorder))
        return _checked(known, counts)
    except (KeyError, TypeError, AttributeError, OverflowError) as exc:
        raise ValueError(NO_RING) from exc


def _checked(known, counts):
    power, rows = BITS - known["part_shift"], known["replica_count"]
    devices = [dict(one, parts=counts.pop(at, 0)) for at, one in enumerate(known["devs"]) if one]
    parts = sum(one["parts"] for one in devices)
    is_power = 0 < power <= BITS and rows > 0
    # Only the last of several replicas may be one of a share of the parts.
    least = max(1 << power, ((rows - 1) << power) + 1) if is_power else 0
    if counts or not is_power or not least <= parts <= rows << power:
        raise ValueError(NO_RING)
    return {
        "version": known.get("version", 0),
        "replicas": rows,
        "part_power": power,
        "devices": devices,
    }


def _opened(data, most):
    """What is known of the ring, and the pieces of what comes behind that."""
    pieces = _pieces(data, GZIP, most)
    head = _take(pieces, b"", HEAD.size)
    magic, number, length = HEAD.unpack_from(head)
    if (magic, number) != (MAGIC, FORMAT) or length > MOST_HEAD:
        raise ValueError(NO_RING)
    head = _take(pieces, head[HEAD.size :], length)
    try:
        known = json.loads(head[:length])
    except ValueError as exc:
        raise ValueError(NO_RING) from exc
    if not isinstance(known, dict):
        raise ValueError(NO_RING)
    return known, _with_rest(head[length:], pieces)


def _with_rest(rest, pieces):
    yield rest
    yield from pieces


def _take(pieces, begun, size):
    found = [begun]
    while sum(map(len, found)) < size:
        piece = next(pieces, None)
        if piece is None:
            raise ValueError(f"{NO_RING}: it is cut")
        found.append(piece)
    return b"".join(found)


def _counts(pieces, byteorder):
    """How often each device's number stands there; they are of two bytes."""
    counts, left = collections.Counter(), b""
    for piece in pieces:
        every = left + piece
        whole = len(every) & ~1
        numbers, left = array.array("H", every[:whole]), every[whole:]
        if byteorder != sys.byteorder:
            numbers.byteswap()
        counts.update(numbers)
    if left:
        raise ValueError(f"{NO_RING}: it is cut")
    return counts


def _pieces(data, bits, most):
    inflater, size = zlib.decompressobj(bits), 0
    while not inflater.eof:
        try:
            piece = inflater.decompress(data, PIECE)
        except zlib.error as exc:
            raise ValueError(f"{NO_RING}: it is damaged") from exc
        data = inflater.unconsumed_tail
        if not piece and not data:
            raise ValueError(f"{NO_RING}: it is cut")
        size += len(piece)
        if most is not None and size > most:
            raise ValueError(f"is larger than {most} bytes, and so no ring of this cluster")
        yield piece
    if inflater.unused_data:
        raise ValueError(f"{NO_RING}: it has more behind its end")
