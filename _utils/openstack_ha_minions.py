"""
The minions of a cluster file and the master that is to reach them: keys, names and interfaces.
"""

# Ids in one line; of hundreds the first ones and their number.
NAMED = 8
# What is to be done about a key, for one and for several; of several the first one is named.
ACCEPT = (
    "to be accepted: compare `salt-key --finger={0}` with `salt-call --local key.finger` on it, "
    "then `salt-key --accept={0}`"
)
DELETE = (
    "with another key than the accepted one: where that is a new host, `salt-key --delete={0}`, "
    "and restart its salt-minion"
)
REJECTED = "rejected: `salt-key --include-all --accept={0}`"
DECIDED = {
    "pending": (f"waits {ACCEPT}", f"wait {ACCEPT}"),
    "rejected": (f"is {REJECTED}", f"are {REJECTED}"),
    "denied": (f"comes {DELETE}", f"come {DELETE}"),
}


def warnings(cluster, keys, grains, known):
    """
    Return what keeps the master from a cluster's nodes, or does not fit to them, a line each.

    cluster
        A complete cluster.

    keys
        The ids by what was decided about their keys: ``{"accepted", "pending", "rejected",
        "denied"}``.

    grains
        The grains of nodes as the master has heard them last; a node of which it has none is
        missing.

    known
        The ids of the nodes of all cluster files.
    """
    return [*_of_keys(cluster, keys, known), *_of_interfaces(cluster, grains)]


def _of_keys(cluster, keys, known):
    found = {one: [node for node in cluster["nodes"] if node in ids] for one, ids in keys.items()}
    # A node that comes with another key than before has both, one accepted and one denied.
    for decided, (one, several) in DECIDED.items():
        ids = found[decided]
        if ids:
            text = one if len(ids) == 1 else several
            yield f"{_ids(ids)} {text.format(ids[0])}"
    absent = [node for node in cluster["nodes"] if not any(node in ids for ids in keys.values())]
    strangers = sorted({*keys["accepted"], *keys["pending"]} - set(known))
    for node in list(absent):
        alike = [one for one in strangers if _short(one) == _short(node)]
        if alike:
            absent.remove(node)
            yield (
                f"{node} is no minion's id, and {_ids(alike)} of `salt-key --list-all` is in no "
                f"cluster file: give it that name in openstack_ha:nodes, or the minion `id: {node}`"
            )
    if absent:
        have, need = ("has", "it needs") if len(absent) == 1 else ("have", "each needs")
        yield (
            f"{_ids(absent)} {have} never come to this master (`salt-key --list-all`): {need} a "
            f"salt-minion with this master and `id: {absent[0]}`, a name of openstack_ha:nodes"
        )


def _of_interfaces(cluster, grains):
    for node, said in grains.items():
        interfaces, facts = said.get("ip_interfaces"), cluster["nodes"].get(node)
        if facts is None or not isinstance(interfaces, dict):
            continue
        refresh = f"`salt {node} saltutil.refresh_grains` where that has just changed"
        if not any(facts["address"] in (found or ()) for found in interfaces.values()):
            yield (
                f"openstack_ha:nodes:{node}:address: {facts['address']} is on no interface of "
                f"{node}, which has {_shown(interfaces)}; {refresh}"
            )
        for path, name in _named(cluster, node):
            if name not in interfaces:
                yield (
                    f"openstack_ha:{path}: {node} has no {name}, but {', '.join(interfaces)}; "
                    f"{refresh}"
                )


def _named(cluster, node):
    """The interfaces that the cluster file names of a node."""
    facts = cluster["nodes"][node]
    if "interface" in facts:
        yield f"nodes:{node}:interface", facts["interface"]
    if "controller" in facts["roles"] and "interface" in cluster["vip"]:
        yield "vip:interface", cluster["vip"]["interface"]


def _short(name):
    """By which a host is the same with and without its domain."""
    return name.lower().partition(".")[0]


def _ids(ids):
    shown = ", ".join(ids[:NAMED])
    return shown if len(ids) <= NAMED else f"{shown} and {len(ids) - NAMED} more"


def _shown(interfaces):
    return ", ".join(
        f"{name} ({', '.join(map(str, found or ())) or 'no address'})"
        for name, found in interfaces.items()
    )
