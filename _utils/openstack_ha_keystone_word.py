"""
What is to be done about a cluster's Keystones: the rule, without Salt.

The evidence of a controller::

    is_ready         Keystone and its configuration are there
    pending          what its schema lacks, as openstack_ha_db_sync has it
    is_bootstrapped  whether the first administrator is there; None is unknown
    keys             fingerprints: {"fernet": {index: ..}, "credential": {index: ..}}
    confirmed        seconds since the master last confirmed these keys, or None
    is_serving       whether its API answers
    heard            the master's last word to it, or None

A decision is ``{verdict, nodes, why, way_out, owner}``. ``owner`` is the controller that looks
after the identity objects, the first one that serves.
"""

import openstack_ha_db_sync
import openstack_ha_rule

RUNBOOK = "docs/runbooks/lost-keys.md"
NO_KEYS = "The master has no keys"
OTHER_KEYS = "The master has other keys"
OLDER_KEYS = "The master has older keys"
SETS = ("fernet", "credential")
SHAPE = {
    "is_ready": bool,
    "pending": (None, str),
    "is_bootstrapped": (None, bool),
    "keys": {name: {str: str} for name in SETS},
    "confirmed": (None, int, float),
    "is_serving": bool,
    "heard": (None, {}),
}
# Seconds after which a node hears again that its keys are the present ones.
CONFIRM_EVERY = 900


def decide(members, evidence, keyring):
    """
    Return the next step.

    members
        The controllers' ids in the cluster file's order.

    evidence
        What each said by id, None for silence.

    keyring
        The master's own: fingerprints as in the evidence, None when it has none.
    """
    seen = {node: evidence[node] for node in members if is_complete(evidence.get(node))}
    owner = next((node for node in members if node in seen and seen[node]["is_serving"]), None)
    unclear = openstack_ha_rule.unclear(members, evidence, seen)
    if unclear:
        why, way_out = openstack_ha_rule.less(unclear), openstack_ha_rule.sync(unclear[0])
        return _decision("refuse", unclear, why, way_out, owner)
    silent = openstack_ha_rule.silence([node for node in members if node not in seen], evidence)
    if not seen:
        return _decision("wait", [], ", ".join(silent), None, None)
    for rule in (_keys, _bootstrap):
        step = rule(seen, silent, keyring)
        if step:
            return _decision(*step, owner)
    return _decision("settled", [], _settled_why(seen, silent), None, owner)


def is_complete(said):
    """
    Return whether what a controller said is its whole evidence: unknown is never absent.

    said
        What it said, None for silence.
    """
    return openstack_ha_rule.fits(said, SHAPE)


def rotation_waits_for(members, evidence, keyring):
    """
    Return why the keys must not be rotated now, None when they may.

    members, evidence, keyring
        As for ``decide``.

    A controller that is one rotation behind still takes every token, and one that is two behind
    does not. A silent one may serve on, so it counts.
    """
    if keyring is None:
        return "there are no keys yet"
    for node in members:
        found = evidence.get(node)
        if not is_complete(found):
            return f"{node} did not answer in full, and may serve with the present keys"
        if found["is_ready"] and found["keys"] != _sets(keyring):
            return f"{node} has not the present keys"
    return None


def lacks(found, patience):
    """
    Return what a controller lacks before its Keystone may start, as a list of words.

    found
        Of its evidence, ``is_bootstrapped``, ``keys`` and ``confirmed``.

    patience
        Seconds for which keys count as the present ones.
    """
    is_fresh = found["confirmed"] is not None and found["confirmed"] < patience
    has_keys = all(found["keys"][name] for name in SETS) and is_fresh
    wanted = {"keys": has_keys, "administrator": found["is_bootstrapped"]}
    return [name for name, is_there in wanted.items() if not is_there]


def _keys(seen, silent, keyring):
    """Make them, find them to be another master's, or give them."""
    holders = [node for node, found in seen.items() if any(found["keys"].values())]
    if keyring is None:
        return _first_keys(seen, silent, holders)
    present = _sets(keyring)
    strangers = [node for node in holders if _is_strange(seen[node]["keys"], present)]
    if strangers:
        return _strangers_keys(strangers, "has keys that this master did not make", OTHER_KEYS)
    ahead = [node for node in holders if _primary(seen[node]["keys"]) > _primary(present)]
    if ahead:
        # The folder was put back from a backup; what it has instead would end every session.
        return _strangers_keys(ahead, "has newer keys than this master", OLDER_KEYS)
    late = [
        node
        for node, found in seen.items()
        if found["is_ready"] and (found["keys"] != present or _is_old(found["confirmed"]))
    ]
    if late:
        return "take_keys", late, f"{', '.join(late)} waits for the present keys", None
    return None


def _is_strange(keys, present):
    """Keys for credentials stay, so they tell even of a node that was away for a year."""
    name = "credential" if keys["credential"] else "fernet"
    return not set(keys[name].values()) & set(present[name].values())


def _primary(keys):
    """The number of the key that signs; the highest one, and a rotation makes the next."""
    return max((int(index) for index in keys["fernet"] if index.isdecimal()), default=0)


def _first_keys(seen, silent, holders):
    if holders:
        return _strangers_keys(holders, "has keys, and this master has none", NO_KEYS)
    if not any(found["is_ready"] for found in seen.values()):
        return None
    if silent and not any(found["pending"] == "sync" for found in seen.values()):
        why = f"{', '.join(silent)}, and may have the keys that this master lacks"
        return "wait", [], why, None
    return "create_keys", [], "nobody has keys", None


def _strangers_keys(nodes, why, title):
    way_out = (
        f"{RUNBOOK}, '{title}': put back /var/lib/openstack_ha_keys of the master "
        "that made them, or `salt-run openstack_ha_keystone.adopt` takes those of a controller"
    )
    return "refuse", nodes, f"{', '.join(nodes)} {why}", way_out


def _bootstrap(seen, silent, keyring):
    able = [
        node
        for node, found in seen.items()
        if found["is_ready"]
        and found["pending"] in openstack_ha_db_sync.HARMLESS
        and any(found["keys"].values())
    ]
    if any(seen[node]["is_bootstrapped"] is False for node in able):
        return "bootstrap", able[:1], "there is no administrator", None
    return None


def _settled_why(seen, silent):
    unready = [node for node, found in seen.items() if not found["is_ready"]]
    parts = silent + ([f"{', '.join(unready)} is not configured"] if unready else [])
    return "; ".join(parts) or "keys are everywhere, and there is an administrator"


def _sets(keyring):
    return {name: keyring[name] for name in SETS}


def _is_old(confirmed):
    return confirmed is None or confirmed > CONFIRM_EVERY


def _decision(verdict, nodes, why, way_out, owner):
    return {"verdict": verdict, "nodes": nodes, "why": why, "way_out": way_out, "owner": owner}
