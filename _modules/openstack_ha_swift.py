"""
Swift's rings on a node: what it has, what it is given by the master, and what it owns.

A ring comes in pieces, is staged beside the one that serves, and replaces it when every node has it
staged. The owner of the rings gives the master ring and builder as one parcel.
"""

import base64
import concurrent.futures
import contextlib
import http.client
import json
import os
import pathlib
import shutil
import time
import zlib

import salt.payload
import salt.utils.atomicfile
from salt.exceptions import CommandExecutionError

__virtualname__ = "openstack_ha_swift"

SERVED = pathlib.Path("/etc/swift")
BUILT = pathlib.Path("/var/lib/openstack_ha/swift")
# What the master gave this node last, by ring; and, on the owner, what it has a copy of.
GIVEN = pathlib.Path("/var/lib/openstack_ha/swift_rings.json")
RECEIPTS = pathlib.Path("/var/lib/openstack_ha/swift_receipts.json")
RECON = pathlib.Path("/var/cache/swift")
GROUP = "swift"
# Bytes in one message: with base64 half of what Salt's event bus takes before it cuts.
PIECE = 384 * 1024
RECON_TIMEOUT = 3
RECON_THREADS = 32
MINUTE = 60


def __virtual__():
    return __virtualname__


def evidence():
    """
    Return what the master decides by.

    Returns ``{"is_owner", "unready", "hash_path", "served", "built", "receipts"}``: ``unready`` is
    why no ring may be put here, or None; ``hash_path`` a fingerprint of the hash path's secrets;
    ``served`` has ``md5`` and ``version`` of each ring that Swift reads here; ``built`` has
    ``version``, ``md5``, ``builder_md5`` and ``known`` (md5s of former rings) of each ring built
    here, ``receipts`` what the master has said about them.

    CLI Example:

    .. code-block:: bash

        salt sto1 openstack_ha_swift.evidence
    """
    cluster = __salt__["openstack_ha.view"]()
    owner = __utils__["openstack_ha_cluster.rings_owner"](cluster)
    unready = __salt__["openstack_ha_swift_conf.unready"]()
    kept = receipts()
    return {
        "is_owner": owner == __opts__["id"],
        "unready": unready,
        "hash_path": None if unready else __salt__["openstack_ha_swift_conf.fingerprint"](),
        "served": _served(),
        "built": {
            path.stem: built
            for path in sorted(BUILT.glob("*.builder"))
            if (built := _built(path, kept.get(path.stem, {})))
        },
        "receipts": kept,
    }


def parcel(ring, offset=0):
    """
    Return a piece of a ring with its builder, as one parcel, from the node that builds it.

    ring
        A ring.

    offset
        Where the piece begins, in bytes.

    Returns ``{"md5", "size", "data"}``: md5 and bytes of the whole parcel, and base64.

    Raises CommandExecutionError when there is no such ring here.

    CLI Example:

    .. code-block:: bash

        salt sto1 openstack_ha_swift.parcel object
    """
    try:
        content = {
            "builder": (BUILT / f"{ring}.builder").read_bytes(),
            "ring": (BUILT / f"{ring}.ring.gz").read_bytes(),
        }
    except FileNotFoundError as exc:
        raise CommandExecutionError(f"{exc.filename} is missing") from exc
    packed = zlib.compress(salt.payload.dumps(content, use_bin_type=True))
    piece = base64.b64encode(packed[offset : offset + PIECE]).decode()
    return {"md5": _md5(packed), "size": len(packed), "data": piece}


def stage(name, md5, offset, data, size):
    """
    Take a piece of a file that is to replace another one later; check the whole at its end.

    name
        ``<ring>.ring.gz`` or ``<ring>.parcel``.

    md5
        That of the whole file.

    offset
        Where the piece begins, in bytes; at 0 whatever was staged before is dropped.

    data
        The piece, as base64.

    size
        Bytes of the whole file.

    Returns ``{"is_whole": bool}``.

    Raises CommandExecutionError when a piece before this one is missing, or the file is not what
    it should be.

    CLI Example:

    .. code-block:: bash

        salt sto1 openstack_ha_swift.stage object.ring.gz 0cc1... 0 H4sI... 1024
    """
    path = _staged(name)
    path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
    with open(path, "wb" if offset == 0 else "ab", opener=_private) as handle:
        if handle.tell() != offset:
            raise CommandExecutionError(
                f"{path} has {handle.tell()} bytes, and the next piece begins at {offset}; the "
                "master begins again at its next look"
            )
        handle.write(base64.b64decode(data))
        handle.flush()
        os.fsync(handle.fileno())
        end = handle.tell()
    if end >= size:
        _check(path, md5)
    return {"is_whole": end >= size}


def serve_ring(ring, md5, replaces):
    """
    Put a staged ring in the place where Swift's servers read it, at once and as a whole.

    ring
        A ring.

    md5
        That of the staged ring file.

    replaces
        md5s of the rings that it may replace, as the master saw them.

    Returns ``{"md5", "version"}`` of the ring that is served now.

    Raises CommandExecutionError when it is not staged, or another ring is served than the master
    saw.

    CLI Example:

    .. code-block:: bash

        salt sto1 openstack_ha_swift.serve_ring object 0cc1... '[7a3f...]'
    """
    staged, path = _staged(f"{ring}.ring.gz"), SERVED / f"{ring}.ring.gz"
    _check(staged, md5)
    former = _md5(path.read_bytes()) if path.exists() else None
    if former not in (None, md5, *replaces):
        raise CommandExecutionError(
            f"{path} has md5 {former} since the master has looked; it looks again"
        )
    shutil.chown(staged, "root", GROUP)
    staged.chmod(0o640)
    staged.rename(path)
    _sync(SERVED)
    _keep(GIVEN, {**_known(GIVEN), ring: md5})
    return _served()[ring]


def take_back(ring, md5):
    """
    Put a staged parcel's builder and ring in place on the owner; what was there becomes a copy.

    ring
        A ring.

    md5
        That of the parcel.

    Returns version, md5 and the other figures of the ring.

    Raises CommandExecutionError on another node than the owner, and when the builder does not give
    the ring that it came with.

    CLI Example:

    .. code-block:: bash

        salt sto1 openstack_ha_swift.take_back object 51c8...
    """
    staged = _staged(f"{ring}.parcel")
    _check(staged, md5)
    content = salt.payload.loads(zlib.decompress(staged.read_bytes()))
    version = _facts(content["ring"])["version"]
    name = time.strftime(f"%Y%m%dT%H%M%S.000000Z-v{version}", time.gmtime())
    copies = BUILT / "backups" / ring
    for folder in (BUILT, copies.parent, copies):
        folder.mkdir(mode=0o750, parents=True, exist_ok=True)
        shutil.chown(folder, group=GROUP)
    note = {
        "time": int(time.time()),
        "version": version,
        "md5": _md5(content["ring"]),
        "builder_md5": _md5(content["builder"]),
        "why": "the master's copy",
    }
    for suffix, data in (
        ("builder", content["builder"]),
        ("ring.gz", content["ring"]),
        ("json", json.dumps(note).encode()),
    ):
        (copies / f"{name}.{suffix}").write_bytes(data)
        (copies / f"{name}.{suffix}").chmod(0o640)
    figures = __salt__["openstack_ha_swift_ring.restore"](ring, name)
    staged.unlink()
    return figures


def acknowledge(rings):
    """
    Keep what the master says about the owner's rings.

    rings
        ``{ring: {"builder_md5", "md5", "lacking"}}``: the builder and the ring that it has a copy
        of, and the nodes that lack that ring.

    Returns the receipts.

    CLI Example:

    .. code-block:: bash

        salt sto1 openstack_ha_swift.acknowledge '{}'
    """
    _keep(RECEIPTS, rings)
    return receipts()


def receipts():
    """
    Return what the master said last about the rings that are built here, by ring.

    CLI Example:

    .. code-block:: bash

        salt-call openstack_ha_swift.receipts
    """
    return _known(RECEIPTS)


def missing():
    """
    Return the rings that Swift's servers lack here, and why, by ring; empty when all are there.

    CLI Example:

    .. code-block:: bash

        salt-call openstack_ha_swift.missing
    """
    served, given, found = _served(), _known(GIVEN), {}
    for ring in __salt__["openstack_ha.view"]()["swift"]["rings"]:
        facts = served.get(ring)
        if facts is None:
            found[ring] = "absent"
        elif facts["version"] is None:
            found[ring] = "not a ring"
        elif given.get(ring, facts["md5"]) != facts["md5"]:
            found[ring] = "not the ring that the master gave"
    return found


def replication(ring):
    """
    Return the last whole pass of replication on each node of a ring, by the nodes' own account.

    ring
        A ring that is built here.

    Asks ``/recon/replication`` of the servers of its devices, all at once.

    Returns ``{address: {"started", "completed"} or None}`` in seconds since the epoch; None where
    no pass is known.

    CLI Example:

    .. code-block:: bash

        salt-call openstack_ha_swift.replication object
    """
    path = BUILT / f"{ring}.ring.gz"
    if not path.exists():
        return {}
    servers = _facts(path.read_bytes())["addresses"]
    kind = ring.partition("-")[0]
    with concurrent.futures.ThreadPoolExecutor(RECON_THREADS) as pool:
        answers = list(pool.map(lambda server: _ask_recon(*server, kind), servers))
    return {
        address: _last_pass(kind, answer)
        for (address, _), answer in zip(servers, answers, strict=True)
    }


def node_status():
    """
    Return the rings of this node, the age of its replication, and what is wrong with its devices.

    Returns ``{"served": {ring: {"md5", "version"}}, "unready", "replicated": {kind: seconds or
    None}, "unmounted": [device], "used": {device: percent}, "nearly_full": percent, "errors":
    {device: count}, "audited": seconds or None, "figures": {..} or None}``; ``used`` counts what
    the file system keeps from Swift as used, ``nearly_full`` is the pillar's, the errors are those
    of the kernel's log as of ``audited`` seconds ago, the figures are the owner's, as
    ``openstack_ha_swift_ring.status`` has them, without devices.

    CLI Example:

    .. code-block:: bash

        salt sto1 openstack_ha_swift.node_status
    """
    cluster = __salt__["openstack_ha.view"]()
    own = cluster["self"]
    status = {
        "served": _served(),
        "unready": __salt__["openstack_ha_swift_conf.unready"](),
        "replicated": {},
        "unmounted": [],
        "used": {},
        "nearly_full": cluster["swift"]["devices"]["nearly_full"],
        "errors": {},
        "audited": None,
        "figures": None,
    }
    if "storage" in own["roles"]:
        status["replicated"] = {
            kind: _age(_last_pass(kind, _recon(kind)))
            for kind in ("account", "container", "object")
        }
        present = _present(cluster["swift"]["devices"], own.get("storage", {}))
        status["unmounted"] = [name for name, path in present.items() if path is None]
        status["used"] = {name: _used(path) for name, path in present.items() if path}
        status.update(_audit(cluster["swift"]["devices"]["root"]))
    if __utils__["openstack_ha_cluster.rings_owner"](cluster) == own["id"]:
        status["figures"] = _figures()
    return status


def _figures():
    """The builders' figures, or why there are none."""
    try:
        found = __salt__["openstack_ha_swift_ring.status"]()
    except CommandExecutionError as exc:
        return str(exc)
    names = ("version", "md5", "balance", "dispersion", "seconds_left", "rebalanced_at")
    return {ring: facts and {name: facts[name] for name in names} for ring, facts in found.items()}


def _present(settings, storage):
    """The devices that should be there and their paths; None for one that is not mounted."""
    names = [name for name, one in storage.get("devices", {}).items() if not one["failed"]]
    paths = {name: os.path.join(settings["root"], name) for name in names}
    is_there = os.path.isdir if settings["kind"] == "directories" else os.path.ismount
    return {name: path if is_there(path) else None for name, path in paths.items()}


def _used(path):
    size = os.statvfs(path)
    return round(100 * (1 - size.f_bavail / size.f_blocks))


def _audit(root):
    """What swift-drive-audit has left for recon, of the devices that are mounted now."""
    try:
        end = (RECON / "drive.recon").stat().st_mtime
    except FileNotFoundError:
        return {}
    known, errors = _recon("drive"), {}
    with open("/proc/self/mounts", encoding="utf-8") as table:
        for line in table:
            target = line.split()[1]
            # Who is not mounted any more keeps the count of its last day.
            if os.path.dirname(target) == root and known.get(target):
                errors[os.path.basename(target)] = known[target]
    return {"errors": errors, "audited": round(time.time() - end)}


def _served():
    return {
        path.name.removesuffix(".ring.gz"): {"md5": facts["md5"], "version": facts["version"]}
        for path in sorted(SERVED.glob("[!.]*.ring.gz"))
        if (facts := _facts(path.read_bytes()))
    }


def _built(path, receipt):
    """What is built of a ring, None where it has no parts yet."""
    ring = path.with_name(f"{path.stem}.ring.gz")
    if not ring.exists():
        return None
    facts = _facts(ring.read_bytes())
    known = {receipt.get("md5")}
    for note in (BUILT / "backups" / path.stem).glob("*.json"):
        with contextlib.suppress(ValueError):
            known.add(json.loads(note.read_text(encoding="utf-8")).get("md5"))
    return {
        "version": facts["version"],
        "md5": facts["md5"],
        "builder_md5": _md5(path.read_bytes()),
        "known": sorted(known - {None}),
    }


def _facts(data):
    return __utils__["openstack_ha_swift_ring_file.facts"](data)


def _md5(data):
    return __utils__["openstack_ha_swift_ring_file.md5"](data)


def _staged(name):
    """On the file system of the file that it is to replace, and of no name that Swift reads."""
    return (BUILT if name.endswith(".parcel") else SERVED) / f".{name}.staged"


def _private(path, flags):
    return os.open(path, flags, 0o600)


def _check(path, md5):
    found = _md5(path.read_bytes()) if path.exists() else None
    if found != md5:
        raise CommandExecutionError(
            f"{path} has md5 {found}, not {md5}; the master begins again at its next look"
        )


def _sync(folder):
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _known(path):
    """What was kept; nothing where a full disk has cut it."""
    with contextlib.suppress(FileNotFoundError, ValueError):
        return json.loads(path.read_text(encoding="utf-8"))
    return {}


def _keep(path, content):
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    with salt.utils.atomicfile.atomic_open(str(path), "w") as handle:
        handle.write(json.dumps(content))


def _recon(kind):
    return _known(RECON / f"{kind}.recon")


def _ask_recon(address, port, kind):
    """What the recon middleware of a server knows, nothing where it does not answer."""
    try:
        connection = http.client.HTTPConnection(address, port, timeout=RECON_TIMEOUT)
        with contextlib.closing(connection):
            connection.request("GET", f"/recon/replication/{kind}")
            return json.loads(connection.getresponse().read())
    except (OSError, http.client.HTTPException, ValueError):
        return {}


def _last_pass(kind, known):
    """Begin and end of the last whole pass, by what the replicator has left for recon."""
    name = "object_replication" if kind == "object" else "replication"
    end, took = known.get(f"{name}_last"), known.get(f"{name}_time")
    if not end or took is None:
        return None
    # The object replicator counts minutes, the others count seconds.
    return {"started": end - took * (MINUTE if kind == "object" else 1), "completed": end}


def _age(last):
    return last and round(time.time() - last["completed"])
