"""
The master's side of Keystone: its keys, and its first administrator.

The rule is pure and stands in ``openstack_ha_keystone_word``. The master makes and keeps the keys;
nodes get them with their pillar, so no job, return or event ever holds one.
"""

import logging
import time

from salt.exceptions import SaltRunnerError

log = logging.getLogger(__name__)

__virtualname__ = "openstack_ha_keystone"

# Seconds that a person's command waits for the look that is under way.
PATIENCE = 300
HOUR = 3600
STEPS = {
    "give": "take_keys",
    "bootstrap": "bootstrap",
}


def __virtual__():
    return __virtualname__


def evidence(name):
    """
    Return what every controller says of its Keystone, with None for one that does not answer.

    name
        The cluster's name.

    Raises SaltRunnerError when there is no such cluster.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha_keystone.evidence demo
    """
    return _look(_members(name))["found"]


def keys(name):
    """
    Return the fingerprints of the master's own keys and when they were rotated, None without any.

    name
        The cluster's name.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha_keystone.keys demo
    """
    _members(name)
    return _keyring(name)


def elect(name):
    """
    Return what would be decided now and why, and the evidence; nothing is done.

    name
        The cluster's name.

    Returns ``{"decision": {verdict, nodes, why, way_out, owner}, "rotation": {"due", "waits_for"},
    "evidence": {..}}``.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha_keystone.elect demo
    """
    members = _members(name)
    looked, keyring = _look(members), _keyring(name)
    return {
        "decision": _decide(members, looked, keyring),
        "rotation": {
            "due": bool(keyring) and _due_in(name, keyring) <= 0,
            "waits_for": _rotation_waits_for(members, looked, keyring),
        },
        "evidence": looked["found"],
    }


def answer(name):
    """
    Answer a doorbell: do whatever Keystone on the controllers waits for.

    name
        The cluster's name.

    Only one at a time acts; a doorbell meanwhile makes that one look again. Returns the decisions
    in their order, or None when somebody else is at it.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha_keystone.answer demo
    """
    return _look_until_done(name)


def is_idle(name, looked):
    """
    Keep what a look at everything shows of Keystone; return whether that is all.

    name
        The cluster's name.

    looked
        ``{"found": {node: evidence}, "rivals": {}, "at": when it began}``, with the evidence of
        every controller; ``openstack_ha.reconcile`` makes it.

    Returns False where something is to be done, told or looked at again, and None where somebody
    else is at it.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha.reconcile
    """

    def step():
        keyring, kept = _keyring(name), __salt__["openstack_ha_record.read"](f"{name}.keystone")
        decision = _decide(_members(name), looked, keyring)
        is_due = keyring is not None and _due_in(name, keyring) <= 0
        is_known = decision == kept.get("decision") and all(
            _has_heard(one, decision) for one in looked["found"].values() if one and "heard" in one
        )
        return is_known and not is_due and decision["verdict"] not in ("create", *STEPS)

    return __salt__["openstack_ha_lease.step_over"](f"{name}.keystone", looked["at"], step)


def rotate(name):
    """
    Rotate the keys for tokens now, and give them to every controller.

    name
        The cluster's name.

    No valid token becomes invalid, however often this is called. Returns the fingerprints of the
    keys, as ``keys``.

    Raises SaltRunnerError when a controller has not the present keys or does not answer, or
    somebody else is at it.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha_keystone.rotate demo
    """
    asked = {"is_open": True, "waits_for": None}
    decisions = _look_until_done(name, asked, PATIENCE)
    if decisions is None:
        raise SaltRunnerError(
            f"somebody else is at it: `salt-run openstack_ha_lease.show {name}.keystone`"
        )
    if asked["is_open"]:
        why = asked["waits_for"] or decisions[-1]["why"]
        raise SaltRunnerError(f"the keys of {name} were not rotated: {why}")
    return _keyring(name)


def adopt(name, node):
    """
    Take the keys of a controller, for a master that has lost its own; it has none then.

    name
        The cluster's name.

    node
        The controller: the one whose Keystone serves as it should. The others get its keys.

    Returns the fingerprints of the keys, as ``keys``.

    Raises SaltRunnerError when the node is no controller or does not answer, and
    CommandExecutionError when this master has keys, or the node no whole set.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha_keystone.adopt demo node=ctl1
    """
    members = _members(name)
    if node not in members:
        raise SaltRunnerError(f"{node} is no controller of {name}; these are: {', '.join(members)}")
    locked = __salt__["openstack_ha_members.ask"](node, "openstack_ha_keystone.locked_keys")
    return __salt__["salt.cmd"]("openstack_ha_fernet.adopt", name, locked)


def _look_until_done(name, asked=None, patience=0):
    """Look, decide and act under the cluster's lease until there is nothing to act on."""
    members, decisions = _members(name), []

    def step():
        looked, keyring = _look(members), _keyring(name)
        decision = _decide(members, looked, keyring)
        is_stuck = decisions[-1:] == [decision] and decision["verdict"] != "settled"
        if decisions[-1:] != [decision]:
            decisions.append(decision)
        __salt__["openstack_ha_record.decided"](name, "keystone", decision, {})
        _tell(looked["found"], decision)
        if is_stuck:
            # It was done, and nothing came of it: the schedule tries again.
            log.warning("openstack_ha: keystone of %s: %s did not help", name, decision["verdict"])
            return {"again": None}
        if decision["verdict"] in ("create", *STEPS):
            return {"again": None if _act(name, decision) else 0}
        return {"again": _rotate(name, looked, keyring, asked or {})}

    looks = __salt__["openstack_ha_lease.look_until_done"](f"{name}.keystone", step, patience)
    return None if looks is None else decisions


def _act(name, decision):
    """Take the step that was decided; what went wrong by node."""
    if decision["verdict"] == "create":
        __salt__["salt.cmd"]("openstack_ha_fernet.create", name)
        return {}
    step = f"openstack_ha_keystone.{STEPS[decision['verdict']]}"
    return __salt__["openstack_ha_members.order"](decision["nodes"], step)


def _rotate(name, looked, keyring, asked):
    """Rotate once if it is due or asked for; seconds until the next look, or None."""
    is_due = keyring is not None and _due_in(name, keyring) <= 0
    if not (is_due or asked.get("is_open")):
        return None
    waits_for = _rotation_waits_for(_members(name), looked, keyring)
    if waits_for:
        log.warning("openstack_ha: the keys of %s are not rotated: %s", name, waits_for)
        asked["waits_for"] = waits_for
        return None
    __salt__["salt.cmd"]("openstack_ha_fernet.rotate", name, _lifetime(name))
    asked["is_open"] = False
    return 0


def _rotation_waits_for(members, looked, keyring):
    if looked["rivals"]:
        return __utils__["openstack_ha_members.stand_back"](looked["rivals"])["why"]
    return __utils__["openstack_ha_keystone_word.rotation_waits_for"](
        members, looked["found"], keyring
    )


def _tell(found, decision):
    """Say the word to those who have not heard it, and again to those who wait for it."""
    listeners = [
        node
        for node, one in found.items()
        if one and "heard" in one and (not one["is_serving"] or not _has_heard(one, decision))
    ]
    __salt__["openstack_ha_members.tell"](listeners, "keystone", decision)


def _has_heard(one, decision):
    known = ("verdict", "why", "way_out", "owner")
    return bool(one["heard"]) and all(one["heard"].get(key) == decision[key] for key in known)


def _decide(members, looked, keyring):
    if looked["rivals"]:
        stand_back = __utils__["openstack_ha_members.stand_back"](looked["rivals"])
        return {**stand_back, "owner": None}
    return __utils__["openstack_ha_keystone_word.decide"](members, looked["found"], keyring)


def _look(members):
    return __salt__["openstack_ha_members.evidence"](members, "openstack_ha_keystone.evidence")


def _members(name):
    return __salt__["openstack_ha_members.controllers"](name)


def _keyring(name):
    return __salt__["salt.cmd"]("openstack_ha_fernet.show", name)


def _options(name):
    return __salt__["openstack_ha.cluster"](name)["keystone"]


def _lifetime(name):
    return __utils__["openstack_ha_keystone.token_lifetime"](_options(name))


def _due_in(name, keyring):
    """Seconds until the next rotation by the schedule."""
    return keyring["rotated"] + _options(name)["rotation_hours"] * HOUR - time.time()
