"""
The master's side of Swift's rings: take them from their owner, spread them, tell when they serve.

The rule is pure and stands in ``openstack_ha_swift_spread``. Rings travel in pieces as arguments of
orders, and as sealed answers: no file server has to be shared with the operator's own files.
"""

import base64
import logging
import os
import pathlib
import time
import zlib

import salt.payload
from salt.exceptions import SaltRunnerError

log = logging.getLogger(__name__)

__virtualname__ = "openstack_ha_swift"

# Where copies of builders and rings are kept when the option openstack_ha_copies names nothing.
COPIES = "/var/lib/openstack_ha_copies"
# Of each ring.
KEPT = 30
# Bytes in one message, as openstack_ha_swift.PIECE on the nodes.
PIECE = 384 * 1024
# Seconds that a person's command waits for the look that is under way.
PATIENCE = 300
ROLES = {"storage", "proxy"}


def __virtual__():
    return __virtualname__


def evidence(name):
    """
    Return what every node of Swift says of its rings, with None for one that does not answer.

    name
        The cluster's name.

    Raises SaltRunnerError when there is no such cluster.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha_swift.evidence demo
    """
    return _look(_cluster(name))["found"]


def plan(name):
    """
    Return what would be done now and why, and the evidence; nothing is done.

    name
        The cluster's name.

    Returns ``{"decision": {verdict, nodes, rings, why, way_out}, "evidence": {..}}``.

    Raises SaltRunnerError when there is no such cluster.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha_swift.plan demo
    """
    cluster = _cluster(name)
    looked = _look(cluster)
    return {"decision": _decide(cluster, looked, _record(name)), "evidence": looked["found"]}


def answer(name):
    """
    Answer a doorbell: bring the owner's rings to every node, as far as can be decided.

    name
        The cluster's name.

    Only one at a time acts; a doorbell meanwhile makes that one look again. When all nodes have a
    new ring, the event ``openstack_ha/<cluster>/swift/live`` says so.

    Returns the decisions in their order, or None when somebody else is at it.

    Raises SaltRunnerError when there is no such cluster.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha_swift.answer demo
    """
    return _look_until_done(_cluster(name))


def is_idle(name, looked):
    """
    Keep what a look at everything shows of Swift's rings; return whether that is all.

    name
        The cluster's name.

    looked
        ``{"found": {node: evidence}, "rivals": {}, "at": when it began}``, with the evidence of
        every node of Swift; ``openstack_ha.reconcile`` makes it.

    Returns False where something is to be done, told or looked at again, and None where somebody
    else is at it.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha.reconcile
    """
    cluster = _cluster(name)
    found = __utils__["openstack_ha_swift_spread.answers"](looked["found"])

    def step():
        kept = _record(name)
        decision = _decide(cluster, {**looked, "found": found}, kept)
        if decision != kept.get("decision") or decision["verdict"] in ACTIONS:
            return False
        if decision["verdict"] == "settled":
            # The owner's receipts, and whether all nodes have a ring by now.
            _tell(cluster, {**looked, "found": found}, decision, {})
        return True

    return __salt__["openstack_ha_lease.step_over"](f"{name}.swift", looked["at"], step)


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
    return {"rings": done, "spread": None if dry_run else _spread_by_hand(cluster)}


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
    return {"outputter": "nested", "data": data}


def _look_until_done(cluster, patience=0):
    """Look, decide and act under the cluster's lease until there is nothing to act on."""
    name, decisions = cluster["name"], []

    def step():
        looked = _look(cluster)
        decision = _decide(cluster, looked, _record(name))
        __salt__["openstack_ha_record.decided"](name, "swift", decision, _record(name))
        if decisions[-1:] != [decision]:
            decisions.append(decision)
        act = ACTIONS.get(decision["verdict"])
        failures = act(cluster, looked["found"], decision) if act else {}
        _keep(name, {**_record(name), "failures": failures})
        if act and not failures:
            return {"again": 0}
        _tell(cluster, looked, decision, failures)
        return {"again": None}

    looks = __salt__["openstack_ha_lease.look_until_done"](f"{name}.swift", step, patience)
    return None if looks is None else decisions


def _spread_by_hand(cluster):
    decisions = _look_until_done(cluster, PATIENCE)
    if decisions is None:
        raise SaltRunnerError(
            "the rings were changed and are not spread yet, since somebody else is at it: "
            f"`salt-run openstack_ha_lease.show {cluster['name']}.swift`"
        )
    return decisions


def _keep_copies(cluster, found, decision):
    """Take ring and builder from the owner; what went wrong by ring."""
    failures = {}
    for ring in decision["rings"]:
        try:
            packed = _fetch(cluster["owner"], ring)
        except SaltRunnerError as exc:
            failures[ring] = str(exc)
            continue
        content = _unpacked(packed)
        facts = __utils__["openstack_ha_swift_spread.ring_facts"](content["ring"])
        if facts["version"] is None:
            failures[ring] = f"what {cluster['owner']} has built is no ring"
            continue
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        parts = (stamp, facts["version"], _md5(content["builder"]), facts["md5"])
        _write(_folder(cluster["name"], ring), f"{'-'.join(map(str, parts))}.parcel", packed)
    return _logged(failures)


def _push(cluster, found, decision):
    """Stage a ring on all nodes that are to get it, and only then let any of them serve it."""
    name = cluster["name"]
    targets = __utils__["openstack_ha_swift_spread.targets"](
        cluster, found, _record(name)["spread"]
    )
    failures = {}
    for ring, nodes in decision["rings"].items():
        facts = targets[ring]["facts"]
        data = _ring_of(name, ring, facts["builder_md5"])
        failed = _stage(nodes, f"{ring}.ring.gz", data)
        if not failed:
            record = _record(name)
            _keep(name, {**record, "spread": {**record["spread"], ring: facts}})
            replaces = {found[node]["served"].get(ring, {}).get("md5") for node in nodes}
            arguments = {"ring": ring, "md5": facts["md5"], "replaces": sorted(replaces - {None})}
            failed = _order(nodes, "serve_ring", arguments)
        failures.update(failed)
    return _logged(failures)


ACTIONS = {"keep": _keep_copies, "push": _push}


def _tell(cluster, looked, decision, failures):
    """Say the word to nodes that lack rings, the receipt to the owner, and what serves to all."""
    if looked["rivals"]:
        return
    name, found, record = cluster["name"], looked["found"], _record(cluster["name"])
    rule = "openstack_ha_swift_spread"
    waiting = __utils__[f"{rule}.waiting"](cluster, found, record["spread"])
    word = decision
    if failures:
        word = {"verdict": "wait", "why": f"{decision['why']}: {failures}", "way_out": None}
    __salt__["openstack_ha_members.tell"](waiting, "swift", word)
    receipts = __utils__[f"{rule}.receipts"](cluster, found, record["spread"], _kept(cluster))
    owner = found.get(cluster["owner"])
    if owner and owner["receipts"] != receipts:
        _order([cluster["owner"]], "acknowledge", {"rings": receipts})
    live = __utils__[f"{rule}.live"](cluster, found, record["spread"])
    spread = {**record["spread"], **live}
    new = {ring: facts for ring, facts in live.items() if record["live"].get(ring) != facts["md5"]}
    md5s = {ring: facts["md5"] for ring, facts in new.items()}
    _keep(name, {**record, "spread": spread, "live": {**record["live"], **md5s}})
    if new:
        told = {ring: {key: one[key] for key in ("version", "md5")} for ring, one in new.items()}
        __salt__["event.send"](f"openstack_ha/{name}/swift/live", {"rings": told})


def _decide(cluster, looked, record):
    if looked["rivals"]:
        return __utils__["openstack_ha_members.stand_back"](looked["rivals"])
    return __utils__["openstack_ha_swift_spread.decide"](
        cluster, looked["found"], record["spread"], _kept(cluster)
    )


def _look(cluster):
    nodes = list(dict.fromkeys([cluster["owner"], *cluster["nodes"]]))
    looked = __salt__["openstack_ha_members.evidence"](nodes, "openstack_ha_swift.evidence")
    found = __utils__["openstack_ha_swift_spread.answers"](looked["found"])
    return {**looked, "found": found}


def _order(nodes, step, arguments):
    return __salt__["openstack_ha_members.order"](nodes, f"openstack_ha_swift.{step}", arguments)


def _ask(node, fun, **arguments):
    return __salt__["openstack_ha_members.ask"](node, fun, arguments)


def _fetch(owner, ring):
    """The owner's parcel of a ring, piece by piece."""
    packed, whole = b"", None
    while whole is None or len(packed) < whole["size"]:
        piece = _ask(owner, "openstack_ha_swift.parcel", ring=ring, offset=len(packed))
        whole = whole or piece
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


def _ring_of(name, ring, builder_md5):
    (path,) = list(_folder(name, ring).glob(f"*-{builder_md5}-*.parcel"))[-1:]
    return _unpacked(path.read_bytes())["ring"]


def _unpacked(packed):
    return salt.payload.loads(zlib.decompress(packed))


def _kept(cluster):
    """The builders that there are copies of, with their rings."""
    name = cluster["name"]
    return {
        ring: {one["builder_md5"]: one["md5"] for one in copies(name, ring)}
        for ring in cluster["rings"]
    }


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
    """What the rule needs of a cluster."""
    known = __salt__["openstack_ha.clusters"]()
    if name is None and len(known) == 1:
        (name,) = known
    one = __salt__["openstack_ha.cluster"](name)
    if not one["swift"]["owner"]:
        raise SaltRunnerError(f"no node of {name} has the role storage, so it has no rings")
    return {
        "name": name,
        "owner": one["swift"]["owner"],
        "rings": one["swift"]["rings"],
        "nodes": [
            node for node, facts in one["nodes"].items() if ROLES.intersection(facts["roles"])
        ],
    }


def _record(name):
    return {"spread": {}, "live": {}, **__salt__["openstack_ha_record.read"](f"{name}.swift")}


def _keep(name, record):
    __salt__["openstack_ha_record.keep"](f"{name}.swift", record)


def _raise(failures):
    if failures:
        raise SaltRunnerError("; ".join(f"{node}: {why}" for node, why in failures.items()))


def _logged(failures):
    if failures:
        log.error("openstack_ha: the spreading of rings failed: %s", failures)
    return failures


def _md5(data):
    return __utils__["openstack_ha_swift_spread.md5"](data)
