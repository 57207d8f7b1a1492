"""
The master's side of Swift's rings: take them from their owner, spread them, tell when they serve.

Rings travel in pieces as arguments of orders, and as sealed answers: no file server has to be
shared with the operator's own files.
"""

import base64
import os
import pathlib
import time

import salt.payload
from salt.exceptions import SaltRunnerError

__virtualname__ = "openstack_ha_swift"

# Where copies of builders and rings are kept when the option openstack_ha_copies names nothing.
COPIES = "/var/lib/openstack_ha_copies"
# Of each ring.
KEPT = 30
# Bytes in one message, as openstack_ha_swift.PIECE on the nodes.
PIECE = 384 * 1024
# Of what is wrong with a ring.
TOLD = 3
RUNBOOK = "docs/runbooks/swift-rings.md, 'A ring that may not be spread'"


def __init__(opts):
    __utils__["openstack_ha_command.guard"](globals())


def __virtual__():
    return __virtualname__


def rebalance(name, ring=None, dry_run=True, force=False):
    """
    Bring rings one step nearer to the cluster file, and spread them; or say what would be done.

    name
        The cluster's name.

    ring
        A ring; default: all of them.

    dry_run
        Only say what would be done. Nothing is done until this is False.

    force
        Wait neither for min_part_hours, nor for replication, copies and nodes without the ring.

    Returns ``{"rings": {ring: what openstack_ha_swift_ring.plan returns}, "spread": decisions}``.

    Raises SaltRunnerError when the owner does not answer or refuses, or somebody else is at it.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha_swift.rebalance demo
        salt-run openstack_ha_swift.rebalance demo ring=object dry_run=False
    """
    cluster = _cluster(name)
    # The owner plans by its pillar, which is as old as its minion unless told.
    __salt__["salt.execute"](
        [cluster["owner"]], "saltutil.refresh_pillar", kwarg={"wait": True}, tgt_type="list"
    )
    step = "openstack_ha_swift_ring.plan" if dry_run else "openstack_ha_swift_ring.apply"
    done = {
        one: _ask(cluster["owner"], step, ring=one, force=force)
        for one in ([ring] if ring else cluster["rings"])
    }
    if dry_run:
        return {"rings": done, "spread": None}
    try:
        spread = __salt__["openstack_ha_coordinator.by_hand"](name, "swift")
    except SaltRunnerError as exc:
        raise SaltRunnerError(f"the rings were changed and are not spread yet: {exc}") from exc
    return {"rings": done, "spread": spread}


def copies(name, ring):
    """
    Return the master's copies of a ring with its builder, the newest first.

    name
        The cluster's name.

    ring
        A ring.

    Returns a list of ``{"copy", "version", "builder_md5", "md5"}``.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha_swift.copies demo object
    """
    found = []
    for path in sorted(_folder(name, ring).glob("*.parcel"), reverse=True):
        _time, version, builder_md5, md5 = path.stem.split("-")
        known = {"version": int(version), "builder_md5": builder_md5, "md5": md5}
        found.append({"copy": path.stem, **known})
    return found


def restore(name, ring, copy=None, dry_run=True):
    """
    Give the owner a copy of a ring's builder, when its own is lost; or say which one it would get.

    name
        The cluster's name.

    ring
        A ring.

    copy
        A name from ``copies``; default: the newest copy of the ring that was spread last.

    dry_run
        Only say what would be done. Nothing is done until this is False.

    What the owner has becomes one of its own copies first (``openstack_ha_swift_ring.history``).

    Returns ``{"copy": .., "owner": .., "figures": version, md5 and others of the ring or None}``.

    Raises SaltRunnerError when there is no such copy, or the owner refuses it.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha_swift.restore demo object
        salt-run openstack_ha_swift.restore demo object dry_run=False
    """
    cluster, known = _cluster(name), copies(name, ring)
    last = _record(name)["spread"].get(ring, {}).get("md5")
    fitting = [one for one in known if copy == one["copy"] or (not copy and one["md5"] == last)]
    fitting = fitting or ([] if copy or last else known)
    if not fitting:
        wanted = copy or f"of the ring with md5 {last}" if copy or last else "at all"
        raise SaltRunnerError(
            f"there is no copy {wanted} of {ring}; `salt-run openstack_ha_swift.copies {name} "
            f"{ring}` lists what is in {_folder(name, ring)}"
        )
    chosen = {"copy": fitting[0], "owner": cluster["owner"], "figures": None}
    if dry_run:
        return chosen
    packed = (_folder(name, ring) / f"{fitting[0]['copy']}.parcel").read_bytes()
    _raise(_stage([cluster["owner"]], f"{ring}.parcel", packed))
    chosen["figures"] = _ask(
        cluster["owner"], "openstack_ha_swift.take_back", ring=ring, md5=_md5(packed)
    )
    return chosen


def status(name=None):
    """
    Show the rings of a cluster: their owner's figures, who lacks them, the age of replication, and
    devices with errors.

    name
        The cluster's name; it may be left out where the cluster files name only one.

    The answers are a report and are not sealed; nodes that are down cost seconds. The exit code is
    0 when the verdict is ``healthy``, else 1.

    Raises SaltRunnerError when there is no such cluster, or several to choose from.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha_swift.status demo
    """
    cluster = _cluster(name)
    nodes = list(dict.fromkeys([cluster["owner"], *cluster["nodes"]]))
    replies = __salt__["openstack_ha_members.survey"](nodes, "openstack_ha_swift.node_status")
    record = _record(cluster["name"])
    data = __utils__["openstack_ha_swift_spread.assess"](cluster, replies, record, time.time())
    return {"outputter": "openstack_ha_swift", "data": data}


def facts(name):
    """
    Return what the rule has to know of the master: the builders that there are copies of, with the
    md5 of their rings.

    name
        The cluster's name.

    Returns ``{ring: {builder_md5: md5}}``.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha_swift.facts demo
    """
    return {
        ring: {one["builder_md5"]: one["md5"] for one in copies(name, ring)}
        for ring in _cluster(name)["rings"]
    }


def keep(case, decision):
    """
    Take rings with their builders from the owner: a step of the master's own, for the coordinator.
    What the owner may not decide (``openstack_ha_swift_ring_limits``) is no copy, and reaches
    nobody.

    case, decision
        As ``openstack_ha_rule`` of the utils describes them; on the command line there is no such
        case to give.

    Returns what went wrong by ring.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha_coordinator.plan demo swift
    """
    name, owner, failures = case["name"], case["cluster"]["swift"]["owner"], {}
    current = __salt__["openstack_ha_execution.call"](
        "openstack_ha_cluster.current", case["cluster"]["file"]
    )
    for ring in decision["rings"]:
        desired = __utils__["openstack_ha_swift_ring.desired"](current["cluster"], ring)
        try:
            packed, content, version = _taken(name, owner, desired)
        except SaltRunnerError as exc:
            failures[ring] = str(exc)
            continue
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        parts = (stamp, version, _md5(content["builder"]), _md5(content["ring"]))
        _write(_folder(name, ring), f"{'-'.join(map(str, parts))}.parcel", packed)
    return failures


def push(case, decision):
    """
    Stage rings on all nodes that are to get them, and only then let any of them serve them: a step
    of the master's own, for the coordinator.

    case, decision
        As for ``keep``.

    Returns what went wrong by node.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha_coordinator.plan demo swift
    """
    name, key, failures = case["name"], f"{case['name']}.swift", {}
    targets = __utils__["openstack_ha_swift_rule.targets"](case)
    for ring, nodes in decision["rings"].items():
        wanted = targets[ring]["facts"]
        data = _ring_of(name, ring, f"*-{wanted['builder_md5']}-*")
        failed = _stage(nodes, f"{ring}.ring.gz", data)
        if not failed:
            record = __salt__["openstack_ha_record.read"](key)
            spread = {**record.get("spread", {}), ring: wanted}
            __salt__["openstack_ha_record.keep"](key, {**record, "spread": spread})
            served = [case["found"][node]["served"].get(ring, {}).get("md5") for node in nodes]
            replaces = sorted(set(served) - {None})
            arguments = {"ring": ring, "md5": wanted["md5"], "replaces": replaces}
            failed = _order(nodes, "serve_ring", arguments)
        failures.update(failed)
    return failures


def announce(case, decision):
    """
    Tell the event bus that every node has new rings: a step of the master's own, for the
    coordinator.

    case, decision
        As for ``keep``.

    Returns an empty mapping. The event is ``openstack_ha/<cluster>/swift/live`` with ``{"rings":
    {ring: {"version", "md5"}}}``.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha_coordinator.plan demo swift
    """
    rings = {
        ring: {key: one[key] for key in ("version", "md5")}
        for ring, one in decision["arguments"]["rings"].items()
    }
    __salt__["event.send"](f"openstack_ha/{case['name']}/swift/live", {"rings": rings})
    return {}


def _order(nodes, step, arguments):
    return __salt__["openstack_ha_members.order"](nodes, f"openstack_ha_swift.{step}", arguments)


def _ask(node, fun, **arguments):
    return __salt__["openstack_ha_members.ask"](node, fun, arguments)


def _taken(name, owner, desired):
    """What the owner has of a ring: the parcel, what is in it, and the ring's version."""
    ring, former = desired["ring"], _spread(name, desired["ring"])
    most = __utils__["openstack_ha_swift_ring_limits.most_bytes"](desired, former)
    packed = _fetch(owner, ring, most)
    try:
        content = _unpacked(packed, most)
        found = __utils__["openstack_ha_swift_ring_file.content"](content["ring"], most)
    except ValueError as exc:
        raise SaltRunnerError(f"what {owner} has built of {ring} {exc}") from exc
    is_kept = _md5(content["ring"]) in [one["md5"] for one in copies(name, ring)]
    objections = __utils__["openstack_ha_swift_ring_limits.objections"](
        desired, found, former, is_kept
    )
    if objections:
        told = "; ".join(objections[:TOLD]) + (" .." if len(objections) > TOLD else "")
        raise SaltRunnerError(
            f"what {owner} has built of {ring} is given to nobody: {told}. {RUNBOOK}"
        )
    return packed, content, found["version"]


def _spread(name, ring):
    """All that is said by the ring that was spread last, None where there is no copy of it."""
    last = _record(name)["spread"].get(ring)
    if last is None or last["md5"] not in [one["md5"] for one in copies(name, ring)]:
        return None
    data = _ring_of(name, ring, f"*-{last['md5']}")
    return __utils__["openstack_ha_swift_ring_file.content"](data, None)


def _fetch(owner, ring, most):
    """The owner's parcel of a ring, piece by piece, of so many bytes at most."""
    packed, whole = b"", None
    while whole is None or len(packed) < whole["size"]:
        piece = _ask(owner, "openstack_ha_swift.parcel", ring=ring, offset=len(packed))
        whole = whole or piece
        if whole["size"] > most:
            raise SaltRunnerError(
                f"what {owner} has built of {ring} has {whole['size']} bytes, and no ring of this "
                f"cluster has more than {most}"
            )
        data = base64.b64decode(piece["data"])
        if piece["md5"] != whole["md5"] or not data:
            raise SaltRunnerError(f"{owner} changed {ring} meanwhile; the next look takes it")
        packed += data
    if _md5(packed) != whole["md5"]:
        raise SaltRunnerError(f"what came of {ring} from {owner} is not what was sent")
    return packed


def _stage(nodes, file_name, data):
    """Send a file to nodes; what went wrong by node."""
    whole = {"name": file_name, "md5": _md5(data), "size": len(data)}
    for offset in range(0, len(data), PIECE):
        piece = base64.b64encode(data[offset : offset + PIECE]).decode()
        failures = _order(nodes, "stage", {**whole, "offset": offset, "data": piece})
        if failures:
            return failures
    return {}


def _ring_of(name, ring, sums):
    """The ring of a copy, by the end of its name: the md5 of builder and ring."""
    path = sorted(_folder(name, ring).glob(f"{sums}.parcel"))[-1]
    return _unpacked(path.read_bytes(), None)["ring"]


def _unpacked(packed, most):
    """A parcel's content; ValueError where it is none, or more than so many bytes."""
    data = __utils__["openstack_ha_swift_ring_file.inflated"](packed, most)
    try:
        content = salt.payload.loads(data)
    except Exception as exc:
        raise ValueError("is no parcel") from exc
    if not isinstance(content, dict) or not all(
        isinstance(content.get(key), bytes) for key in ("builder", "ring")
    ):
        raise ValueError("is no parcel")
    return content


def _folder(name, ring):
    return pathlib.Path(__opts__.get("openstack_ha_copies", COPIES), name, ring)


def _write(folder, name, data):
    """Keep a copy, readable for the master's own user only, and no more than there is room for."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as exc:
        raise SaltRunnerError(
            f"there is no place for copies of rings: {exc}; `salt-call --local state.apply "
            "openstack_ha.master` makes it, and the master's option openstack_ha_copies names it"
        ) from exc
    path, made = folder / name, folder / f".{name}"
    with open(made, "wb", opener=lambda file, flags: os.open(file, flags, 0o600)) as handle:
        handle.write(data)
        handle.flush()
        os.fsync(handle.fileno())
    made.rename(path)
    for old in sorted(folder.glob("*.parcel"))[:-KEPT]:
        old.unlink()


def _cluster(name):
    """What is to be known of a cluster that has rings."""
    known = __salt__["openstack_ha.clusters"]()
    if name is None and len(known) == 1:
        (name,) = known
    found = __utils__["openstack_ha_swift_rule.rings"](__salt__["openstack_ha.cluster"](name))
    if not found["owner"]:
        raise SaltRunnerError(f"no node of {name} has the role storage, so it has no rings")
    return found


def _record(name):
    """What is kept about the rings as a whole."""
    return {"spread": {}, **__salt__["openstack_ha_record.read"](f"{name}.swift")}


def _raise(failures):
    if failures:
        raise SaltRunnerError("; ".join(f"{node}: {why}" for node, why in failures.items()))


def _md5(data):
    return __utils__["openstack_ha_swift_ring_file.md5"](data)
