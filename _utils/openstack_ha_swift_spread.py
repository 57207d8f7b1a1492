"""
Which ring goes to which node, by what the nodes say of theirs.

The owner's ring is spread when its builder knows the ring that was spread before: a builder that
was lost and made anew, or that came out of an old backup, gives a ring of any version, and would
put nearly every part elsewhere. So md5s tell which ring it is, and the version only which one is
older.
"""

import openstack_ha_age
import openstack_ha_rule

RUNBOOK = "docs/runbooks/swift-rings.md"
# The headings in it that a refusal names.
LOST = "A builder is lost"
STRANGE = "A ring of somebody else"
HASH_PATHS = "Different hash paths"
STATUS_KEYS = {"served", "unready", "unmounted", "used", "nearly_full", "errors", "figures"}
SHAPE = {
    "is_owner": bool,
    "unready": (None, str),
    "hash_path": (None, str),
    "served": {str: {"md5": str, "version": (None, int)}},
    "built": {str: {"version": int, "md5": str, "builder_md5": str, "known": [str]}},
    "receipts": {str: {}},
}
# Percent of a device in use from which Swift answers 507 (fallocate_reserve).
FULL = 99
# Characters of a fingerprint that tell nodes apart in a text.
TOLD = 12


def answers(found):
    """
    Return the evidence by node, with None for what is not complete: unknown is never absent.

    found
        What each node answered, a mapping or None.
    """
    return {
        node: one if openstack_ha_rule.fits(one, SHAPE) else None for node, one in found.items()
    }


def decide(cluster, found, spread, copies):
    """
    Return the next step of the spreading, for all rings that are ready for the same one.

    cluster
        ``{"name", "owner", "nodes", "rings"}``: the id of the rings' owner, the ids of the nodes
        that are to have rings, and the names of the rings.

    found
        What ``openstack_ha_swift.evidence`` of each node and of the owner returned, None where
        nothing did.

    spread
        The rings that were spread last, ``{ring: {"version", "md5", "builder_md5"}}``.

    copies
        The builders that the master has a copy of, ``{ring: {builder_md5: md5 of its ring}}``.

    Returns ``{"verdict", "nodes", "rings", "why", "way_out"}``; ``rings`` has the nodes by ring.
    The verdict is *keep* (take a copy from the owner), *push*, *refuse*, *wait* or *settled*.
    """
    refusal = _rival_owner(cluster, found) or _other_hash_path(found)
    if refusal:
        return refusal
    outcomes = [
        _of_ring(cluster, ring, target, found, copies.get(ring, {}))
        for ring, target in targets(cluster, found, spread).items()
    ]
    for verdict in ("keep", "push", "refuse", "wait"):
        same = [one for one in outcomes if one["verdict"] == verdict]
        if same:
            return _together(verdict, same)
    return _said("settled", [], f"every node has the rings {', '.join(cluster['rings'])}")


def targets(cluster, found, spread):
    """
    Return what the nodes are to have by ring, ``{"facts", "known", "is_first", "is_built",
    "unmet"}``.

    cluster, found, spread
        As for ``decide``.

    ``facts`` are ``version``, ``md5`` and ``builder_md5`` of the owner's ring; while that is not
    there, or not to be trusted, those of the one that was spread last, or None. ``known`` has the
    md5s of rings that it may replace, ``is_first`` says that nothing was spread yet, and ``unmet``
    is the decision that the owner asks for when its ring is not there.
    """
    return {
        ring: _target(cluster, ring, found.get(cluster["owner"]), spread.get(ring))
        for ring in cluster["rings"]
    }


def lacking(nodes, ring, md5, found):
    """
    Return the nodes that do not have this ring, or do not say so.

    nodes
        Minion ids.

    ring, md5
        The ring's name and the md5 that it should have.

    found
        As for ``decide``.
    """
    return [node for node in nodes if _served(found.get(node), ring).get("md5") != md5]


def receipts(cluster, found, spread, copies):
    """
    Return what the owner is to know, ``{ring: {"builder_md5", "md5", "lacking"}}``.

    cluster, found, spread, copies
        As for ``decide``.

    ``builder_md5`` and ``md5`` say of which builder and ring the master has a copy, ``lacking``
    which nodes do not have that ring. A ring that is not to be spread has no receipt.
    """
    return {
        ring: {
            "builder_md5": target["facts"]["builder_md5"],
            "md5": target["facts"]["md5"],
            "lacking": lacking(cluster["nodes"], ring, target["facts"]["md5"], found),
        }
        for ring, target in targets(cluster, found, spread).items()
        if target["is_built"] and target["facts"]["builder_md5"] in copies.get(ring, {})
    }


def live(cluster, found, spread):
    """
    Return the rings that every node has, ``{ring: {"version", "md5", "builder_md5"}}``.

    cluster, found, spread
        As for ``decide``.
    """
    return {
        ring: target["facts"]
        for ring, target in targets(cluster, found, spread).items()
        if target["facts"] and not lacking(cluster["nodes"], ring, target["facts"]["md5"], found)
    }


def waiting(cluster, found, spread):
    """
    Return the nodes that answered and lack a ring.

    cluster, found, spread
        As for ``decide``.
    """
    wanted = {
        ring: (target["facts"] or {}).get("md5", "")
        for ring, target in targets(cluster, found, spread).items()
    }
    return [
        node
        for node in cluster["nodes"]
        if found.get(node) and any(lacking([node], ring, wanted[ring], found) for ring in wanted)
    ]


def assess(cluster, replies, record, now):
    """
    Return one view of a cluster's rings with what is wrong.

    cluster
        As for ``decide``.

    replies
        What ``openstack_ha_swift.node_status`` returned by node; one that is missing did not
        answer.

    record
        The master's record.

    now
        Seconds since the epoch.

    Returns ``{"name", "owner", "verdict", "retcode", "faults", "rings", "nodes", "ages",
    "decision"}``. ``rings`` has the owner's figures, the seconds since its last rebalance, and the
    nodes that lack it; ``nodes`` what each node said. ``ages`` has for people how long ago each
    ring was rebalanced and each node has replicated everything. ``verdict`` is ``healthy`` or
    ``degraded``.
    """
    replies = {node: _in_full(node, reply) for node, reply in replies.items()}
    faults, rings = _rings(cluster, replies, record, now)
    for node in dict.fromkeys([cluster["owner"], *cluster["nodes"]]):
        faults += [f"{node}: {fault}" for fault in _node_faults(node, replies.get(node))]
    decision = record.get("decision")
    if decision and decision["verdict"] == "refuse":
        faults.append(f"refused: {decision['why']}. {decision['way_out']}")
    faults += [f"{what}: {why}" for what, why in (record.get("failures") or {}).items()]
    return {
        "name": cluster["name"],
        "owner": cluster["owner"],
        "verdict": "degraded" if faults else "healthy",
        "retcode": int(bool(faults)),
        "faults": faults,
        "rings": rings,
        "nodes": {node: replies.get(node) for node in cluster["nodes"]},
        "ages": {
            **{ring: _age(one["seconds_since_rebalance"]) for ring, one in rings.items()},
            **{node: _age(_oldest(one)) for node, one in replies.items() if _is_storage(one)},
        },
        "decision": decision,
    }


def _is_storage(reply):
    return isinstance(reply, dict) and bool(reply.get("replicated"))


def _oldest(reply):
    """Seconds since everything was replicated, None when something never was."""
    ages = list(reply["replicated"].values())
    return None if None in ages else max(ages)


def _age(seconds):
    return "never" if seconds is None else f"{openstack_ha_age.age(seconds)} ago"


def seen(cluster, replies, record, now):
    """
    Return what answers tell of rings and disks, as ``(faults, rings)``; who is silent, and what was
    decided, is told elsewhere.

    cluster, replies, record, now
        As for ``assess``.
    """
    replies = {node: _in_full(node, reply) for node, reply in replies.items()}
    faults, rings = _rings(cluster, replies, record, now)
    for node, reply in replies.items():
        if isinstance(reply, dict):
            faults += [f"{node}: {fault}" for fault in _node_faults(node, reply)]
    return faults, rings


def _rings(cluster, replies, record, now):
    name, owner = cluster["name"], replies.get(cluster["owner"])
    figures = owner["figures"] if isinstance(owner, dict) else None
    faults, rings = [], {}
    if isinstance(figures, str):
        faults.append(f"{cluster['owner']}: {figures}")
        figures = None
    for ring in cluster["rings"]:
        built = (figures or {}).get(ring)
        wanted = built["md5"] if built else record["spread"].get(ring, {}).get("md5")
        said = {node: one for node, one in replies.items() if isinstance(one, dict)}
        without = lacking(list(said), ring, wanted, said)
        without = [node for node in without if node in cluster["nodes"]]
        rings[ring] = {
            **(built or {"md5": wanted}),
            "seconds_since_rebalance": built and round(now - built["rebalanced_at"]),
            "lacking": without,
        }
        if figures is not None and built is None:
            faults.append(f"{ring}: {cluster['owner']} has no builder of it")
        if without:
            more = f"`{openstack_ha_rule.show(name, 'swift')}` says why"
            faults.append(f"{ring}: {', '.join(without)} without version {wanted}; {more}")
    return faults, rings


def _in_full(node, reply):
    if isinstance(reply, dict) and not reply.keys() >= STATUS_KEYS:
        return f"answered with less than is asked for: `{openstack_ha_rule.sync(node)}`"
    return reply


def _node_faults(node, reply):
    if not isinstance(reply, dict):
        return [str(reply) if reply else f"did not answer: `salt {node} test.ping`"]
    found = [reply["unready"]] if reply["unready"] else []
    found += [f"{device} is not mounted" for device in reply["unmounted"]]
    found += [
        f"{device} is {used} % full, and takes nothing any more at {FULL} %: more devices in the "
        "pillar's storage:devices make room"
        for device, used in reply["used"].items()
        if used >= reply["nearly_full"]
    ]
    for device, count in reply["errors"].items():
        found.append(
            f"{device}: the kernel tells of {count} errors (`journalctl --dmesg`); "
            f"storage:devices:{device}:failed: true takes it out"
        )
    return found


def _said(verdict, nodes, why, way_out=None, rings=None):
    return {
        "verdict": verdict,
        "nodes": nodes,
        "rings": rings or {},
        "why": why,
        "way_out": way_out,
    }


def _refused(nodes, why, section, command):
    return _said("refuse", nodes, why, f"{RUNBOOK}, '{section}': `{command}`")


def _together(verdict, outcomes):
    nodes = dict.fromkeys(node for one in outcomes for node in one["nodes"])
    whys = dict.fromkeys(one["why"] for one in outcomes)
    ways = dict.fromkeys(one["way_out"] for one in outcomes if one["way_out"])
    rings = {ring: names for one in outcomes for ring, names in one["rings"].items()}
    return _said(verdict, list(nodes), "; ".join(whys), "; ".join(ways) or None, rings)


def _rival_owner(cluster, found):
    rivals = [node for node, one in found.items() if one and one["is_owner"]]
    rivals = [node for node in rivals if node != cluster["owner"]]
    if not rivals:
        return None
    return _said(
        "refuse",
        rivals,
        f"{', '.join(rivals)} would build rings, and {cluster['owner']} is their owner",
        f"`salt -L {','.join(rivals)} saltutil.refresh_pillar` tells them who is",
    )


def _other_hash_path(found):
    """Nodes of other hash paths look for every object elsewhere; none is named as the wrong one."""
    paths = {node: one["hash_path"] for node, one in found.items() if one and one["hash_path"]}
    if len(set(paths.values())) <= 1:
        return None
    told = ", ".join(f"{node} {fingerprint[:TOLD]}" for node, fingerprint in paths.items())
    return _refused(
        list(paths),
        f"the nodes have different swift_hash_path_prefix and _suffix: {told}",
        HASH_PATHS,
        f"salt -L {','.join(paths)} openstack_ha_swift_conf.unready",
    )


def _target(cluster, ring, owner, last):
    name, id_ = cluster["name"], cluster["owner"]
    give_back = LOST, f"salt-run openstack_ha_swift.restore {name} {ring}"

    def unmet(told):
        known = [last["md5"]] if last else []
        return {
            "facts": last,
            "known": known,
            "is_first": not last,
            "is_built": False,
            "unmet": told,
        }

    if owner is None:
        return unmet(_said("wait", [id_], f"{id_}, which builds the rings, did not answer"))
    built = owner["built"].get(ring)
    if built is None and last is None:
        return unmet(_said("wait", [id_], f"{id_} has not built the ring {ring} yet"))
    if built is None:
        return unmet(_refused([id_], f"{id_} has lost the builder of {ring}", *give_back))
    if last and last["md5"] not in {built["md5"], *built["known"]}:
        why = (
            f"the builder of {ring} on {id_} (version {built['version']}) does not know the ring "
            f"of version {last['version']} with md5 {last['md5']}, which was spread last"
        )
        return unmet(_refused([id_], why, *give_back))
    facts = {key: built[key] for key in ("version", "md5", "builder_md5")}
    return {
        "facts": facts,
        "known": built["known"],
        "is_first": not last,
        "is_built": True,
        "unmet": None,
    }


def _of_ring(cluster, ring, target, found, copies):
    owner, nodes, facts, unmet = (
        cluster["owner"],
        cluster["nodes"],
        target["facts"],
        target["unmet"],
    )
    if facts is None:
        return unmet
    if facts["builder_md5"] not in copies:
        why = f"the master has no copy of {ring} as it is on {owner}"
        return unmet or _said("keep", [owner], why, rings={ring: [owner]})
    strange = _strange(ring, target, nodes, found, copies)
    left = [node for node in lacking(nodes, ring, facts["md5"], found) if node not in strange]
    ready = [node for node in left if found.get(node) and not found[node]["unready"]]
    if ready:
        why = f"version {facts['version']} of {ring} is not there yet"
        return _said("push", ready, why, rings={ring: ready})
    if strange and not unmet:
        return _refuse_strange(cluster, ring, strange)
    if left and not unmet:
        whys = dict.fromkeys(_why_not(found.get(node)) for node in left)
        why = f"{', '.join(left)} cannot get {ring}: {', '.join(whys)}"
        return _said("wait", left, why, f"`salt -L {','.join(left)} saltutil.sync_all`")
    return unmet or _said("settled", [], "every node has it")


def _strange(ring, target, nodes, found, copies):
    """The nodes with a ring that is none of the owner's, now or before."""
    facts, known = target["facts"], {target["facts"]["md5"], *target["known"]}
    rings = {node: _served(found.get(node), ring) for node in nodes}
    whole = {node: one for node, one in rings.items() if one.get("version") is not None}
    foreign = {node: one for node, one in whole.items() if one["md5"] not in known}
    if target["is_first"] and len(foreign) == len(whole):
        # A master that remembers nothing, and nobody speaks for the owner's ring.
        return list(nodes) if foreign else []
    # A node that was away for long has an old one, or one that was spread before a restore.
    return [
        node
        for node, one in foreign.items()
        if one["version"] >= facts["version"] and one["md5"] not in copies.values()
    ]


def _refuse_strange(cluster, ring, nodes):
    return _refused(
        nodes,
        f"{', '.join(nodes)}: the builder on {cluster['owner']} has not made the ring {ring} that "
        "is served",
        STRANGE,
        f"salt-run openstack_ha_swift.copies {cluster['name']} {ring}",
    )


def _why_not(evidence):
    return evidence["unready"] if evidence else "no whole answer"


def _served(evidence, ring):
    return evidence["served"].get(ring, {}) if evidence else {}
