"""
Keystone as a coordinated system: its keys, their rotation, and its first administrator.
"""

import openstack_ha_keystone_word as word
import openstack_ha_rule

HOUR = 3600
# Its steps, each the name of a function.
VERDICTS = ("create_keys", "take_keys", "bootstrap", "rotate_keys")


def decide(case):
    """
    Return what is to be done, as ``openstack_ha_rule`` describes it.

    case
        A case; its facts are the fingerprints of the master's keys and when they were rotated, None
        without any, and any wish is for a rotation.
    """
    keyring = case["facts"]
    decision = word.decide(case["nodes"], case["found"], keyring)
    if decision["verdict"] != "settled" or not (case["wish"] or is_rotation_due(case)):
        return [decision]
    waits_for = word.rotation_waits_for(case["nodes"], case["found"], keyring)
    if waits_for:
        why = f"{decision['why']}; the keys are to be rotated, but {waits_for}"
        return [{**decision, "why": why}]
    why = "a person asks for a rotation" if case["wish"] else "the keys are to be rotated"
    return [{**decision, "verdict": "rotate_keys", "why": why, "ends_wish": True}]


def remember(case, decision):
    """Return what is kept until the next look: nothing, the keys are a file of their own."""
    return {}


def listeners(case, decision):
    """
    Return those who have not heard the decision, and those who do not serve, and may wait for it.
    """
    return [
        node
        for node, one in case["found"].items()
        if word.is_complete(one)
        and (not one["is_serving"] or not openstack_ha_rule.has_heard(one, decision))
    ]


def again(case, decision, failures):
    """Return the seconds until the next look, None where only an event asks for one."""
    return 0 if failures == {} else None


def is_rotation_due(case):
    """Return whether it is time for the next rotation."""
    keyring, hours = case["facts"], case["cluster"]["keystone"]["rotation_hours"]
    return keyring is not None and case["now"] >= keyring["rotated"] + hours * HOUR
