"""The master's word about Keystones."""

import openstack_ha_keystone_word as word
import pytest

MEMBERS = ["ctl1", "ctl2", "ctl3"]
KEYRING = {"fernet": {"0": "a", "1": "b"}, "credential": {"0": "c", "1": "d"}, "rotated": 0}
KEYS = {name: KEYRING[name] for name in word.SETS}
NO_KEYS = {name: {} for name in word.SETS}


def one(**more):
    """A controller that serves, with what is different about it."""
    return {
        "is_ready": True,
        "pending": "nothing",
        "is_bootstrapped": True,
        "keys": KEYS,
        "confirmed": 10,
        "is_serving": True,
        "heard": None,
        **more,
    }


FRESH = one(pending="sync", is_bootstrapped=False, keys=NO_KEYS, confirmed=None, is_serving=False)


def said(*three):
    return dict(zip(MEMBERS, three, strict=True))


def decide(*three, keyring=KEYRING):
    decision = word.decide(MEMBERS, said(*three), keyring)
    return decision["verdict"], decision["nodes"]


def test_a_first_installation_takes_its_steps_in_order():
    assert decide(FRESH, FRESH, FRESH, keyring=None) == ("create_keys", [])
    assert decide(FRESH, FRESH, FRESH) == ("take_keys", MEMBERS)
    keyed = {**FRESH, "keys": KEYS, "confirmed": 0}
    assert decide(keyed, keyed, keyed) == ("settled", [])
    synced = {**keyed, "pending": "nothing"}
    assert decide(synced, synced, synced) == ("bootstrap", ["ctl1"])
    assert decide(one(), one(), one()) == ("settled", [])


def test_it_is_not_the_first_controller_that_has_to_be_there():
    assert decide(None, FRESH, FRESH, keyring=None) == ("create_keys", [])
    synced = {**FRESH, "keys": KEYS, "confirmed": 0, "pending": "contract"}
    assert decide(None, one(is_ready=False), synced) == ("bootstrap", ["ctl3"])


def test_a_master_that_lost_its_keys_makes_no_new_ones():
    assert decide(one(), one(), one(), keyring=None) == ("refuse", MEMBERS)
    bare = one(keys=NO_KEYS)
    assert decide(bare, bare, None, keyring=None) == ("wait", [])


def test_another_masters_keys_are_not_replaced():
    others = one(keys={"fernet": {"0": "x", "1": "y"}, "credential": {"0": "v", "1": "w"}})
    assert decide(one(), others, one()) == ("refuse", ["ctl2"])


def test_a_master_with_an_older_copy_of_its_keys_ends_no_session():
    newer = one(keys={**KEYS, "fernet": {"0": "e", "9": "b", "10": "a"}})
    assert decide(one(), newer, None) == ("refuse", ["ctl2"])
    decision = word.decide(MEMBERS, said(newer, newer, newer), KEYRING)
    assert "'The master has older keys'" in decision["way_out"]


def test_who_was_away_for_long_gets_the_keys_however_old_his_are():
    away = one(keys={"fernet": {"0": "x", "1": "y"}, "credential": KEYS["credential"]})
    assert decide(one(), away, one()) == ("take_keys", ["ctl2"])


def test_who_is_behind_gets_the_keys_first():
    behind = one(keys={**KEYS, "fernet": {"0": "b", "1": "z"}}, is_bootstrapped=False)
    assert decide(one(), behind, one()) == ("take_keys", ["ctl2"])
    assert decide(one(), one(confirmed=None), one(confirmed=1000)) == (
        "take_keys",
        ["ctl2", "ctl3"],
    )


def test_unknown_is_not_absent():
    assert decide(None, None, None) == ("wait", [])
    assert decide({"lacks": "openstack_ha_keystone.evidence"}, one(), one())[0] == "refuse"
    unknown = one(pending=None, is_bootstrapped=None)
    assert decide(unknown, one(), one()) == ("settled", [])


def test_the_owner_of_objects_serves():
    decision = word.decide(MEMBERS, said(None, one(is_serving=False), one()), KEYRING)
    assert decision["owner"] == "ctl3"


@pytest.mark.parametrize(
    ("three", "waits"),
    [
        ((one(), one(), one()), None),
        ((one(), None, one()), "ctl2 did not answer in full"),
        ((one(), one(), one(keys={**KEYS, "fernet": {"0": "b", "1": "z"}})), "ctl3 has not"),
        ((one(), one(), FRESH), "ctl3 has not"),
    ],
)
def test_rotation_waits_for_who_could_serve_with_older_keys(three, waits):
    found = word.rotation_waits_for(MEMBERS, said(*three), KEYRING)
    assert found is None if waits is None else found.startswith(waits)


def test_what_a_node_waits_for():
    day = 86400
    assert word.lacks(FRESH, day) == ["keys", "administrator"]
    assert word.lacks(one(), day) == []
    assert word.lacks(one(confirmed=day + 1), day) == ["keys"]
