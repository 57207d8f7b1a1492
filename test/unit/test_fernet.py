"""Keystone's keys: rotation never takes a key away that a valid token may need."""

import openstack_ha_fernet as fernet
import pytest
from hypothesis import given
from hypothesis import strategies as st

HOUR = 3600


def test_a_new_keyring_has_one_staged_and_one_primary_key():
    keyring = fernet.created(0)
    for name in ("fernet", "credential"):
        assert sorted(keyring[name]) == ["0", "1"]
        assert all(map(fernet.is_key, keyring[name].values()))
        assert len(set(keyring[name].values())) == 2


def test_staged_becomes_primary_and_primary_secondary():
    before = fernet.created(0)
    after = fernet.rotated(before, HOUR, HOUR)
    assert after["fernet"]["2"] == before["fernet"]["0"]
    assert after["fernet"]["1"] == before["fernet"]["1"]
    assert after["fernet"]["0"] not in before["fernet"].values()
    assert fernet.primary(after["fernet"]) == "2"
    assert after["credential"] == before["credential"]


@given(st.lists(st.integers(0, 5 * HOUR), max_size=40))
def test_no_key_of_a_valid_token_goes(pauses):
    """A node may be one rotation behind until the next one, which waits for it."""
    lifetime, now = 2 * HOUR, 0
    keyring = fernet.created(now)
    last_used = {}
    behind = keyring
    for pause in pauses:
        # Until this moment some node encrypts with the set before, all others with this one.
        now += pause
        for one in (behind, keyring):
            last_used[one["fernet"][fernet.primary(one["fernet"])]] = now
        behind, keyring = keyring, fernet.rotated(keyring, now, lifetime)
        known = set(keyring["fernet"].values())
        assert {key for key, used in last_used.items() if now - used <= lifetime} <= known


def test_keys_of_long_ago_go():
    keyring = fernet.created(0)
    for day in range(30):
        keyring = fernet.rotated(keyring, day * 24 * HOUR, 48 * HOUR)
    assert len(keyring["fernet"]) <= 6
    assert set(keyring["retired"]) < set(keyring["fernet"])


def test_a_fingerprint_tells_keys_apart_and_none_of_them():
    keyring = fernet.created(0)
    found = fernet.fingerprints(keyring["fernet"])
    assert len(set(found.values())) == 2
    assert all(key[:8] not in repr(found) for key in keyring["fernet"].values())


def test_what_is_cut_short_is_no_key():
    assert not fernet.is_key("")
    assert not fernet.is_key(fernet.created(0)["fernet"]["0"][:-4])


def test_adopted_keys_are_a_whole_set_and_their_age_begins_now():
    keyring = fernet.rotated(fernet.created(0), HOUR, HOUR)
    sets = {name: keyring[name] for name in ("fernet", "credential")}
    adopted = fernet.adopted(sets, 9 * HOUR)
    assert adopted["fernet"] == sets["fernet"]
    assert adopted["retired"] == {"1": 9 * HOUR}
    for broken in ({"0": sets["fernet"]["0"]}, {"0": "x", "1": "y"}):
        with pytest.raises(ValueError, match="fernet"):
            fernet.adopted({**sets, "fernet": broken}, 0)
