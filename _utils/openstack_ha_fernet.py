"""
Keystone's Fernet keys: how a set is made, rotated, and told apart from another.

A set is ``{index: key}``, as the files of Keystone's key repository: 0 is staged and will be the
next primary key, the highest index is the primary one, which encrypts, and what lies between has
been primary. Every one of them decrypts, so a node that is one rotation behind or ahead of another
one still takes its tokens.
"""

import base64
import hashlib
import secrets

# What Fernet takes: half of it signs, half of it encrypts.
KEY_BYTES = 32
FINGERPRINT_DIGITS = 16
STAGED = "0"
# One that is staged and one that encrypts.
FEWEST_KEYS = 2


def created(now):
    """
    Return a new keyring: a set for tokens and one for credentials.

    now
        Seconds since the epoch.

    A keyring is ``{"fernet": set, "credential": set, "rotated": time, "retired": {index: time}}``;
    ``retired`` says when a key of the set for tokens ceased to be primary.
    """
    return {
        "fernet": {STAGED: _key(), "1": _key()},
        "credential": {STAGED: _key(), "1": _key()},
        "rotated": now,
        "retired": {},
    }


def adopted(sets, now):
    """
    Return a keyring of keys that somebody else has made.

    sets
        ``{"fernet": set, "credential": set}``.

    now
        Seconds since the epoch; what is secondary counts as in use until now.

    Raises ValueError when they are no sets of keys.
    """
    for name in ("fernet", "credential"):
        keys = sets[name]
        if STAGED not in keys or len(keys) < FEWEST_KEYS or not all(map(is_key, keys.values())):
            raise ValueError(f"the keys for {name} are no whole set")
    former = primary(sets["fernet"])
    retired = {index: now for index in sets["fernet"] if index not in {STAGED, former}}
    return {**sets, "rotated": now, "retired": retired}


def rotated(keyring, now, lifetime):
    """
    Return the keyring after one rotation: staged becomes primary, primary secondary.

    keyring
        As ``created`` returns it.

    now
        Seconds since the epoch.

    lifetime
        Seconds for which a token may be asked about.

    A secondary key goes when no token of its time can be valid any more, and not by a number of
    keys: so no number of rotations makes a valid token invalid. Nodes may have used it until the
    rotation after its own, which waited for all of them.
    """
    keys = keyring["fernet"]
    former = primary(keys)
    retired = {**keyring["retired"], former: now}
    dead = {index for index in retired if now - retired.get(str(int(index) + 1), now) > lifetime}
    kept = {index: key for index, key in keys.items() if index not in {STAGED, *dead}}
    return {
        **keyring,
        "fernet": {STAGED: _key(), **kept, str(int(former) + 1): keys[STAGED]},
        "rotated": now,
        "retired": {index: since for index, since in retired.items() if index not in dead},
    }


def primary(keys):
    """
    Return the index of the key that encrypts.

    keys
        A set.
    """
    return max(keys, key=int)


def fingerprints(keys):
    """
    Return what tells each key from others without giving it away, by index.

    keys
        A set. A key has 256 random bits, so nobody finds it by its hash.
    """
    return {index: _fingerprint(key) for index, key in keys.items()}


def is_key(text):
    """
    Return whether a text is a key.

    text
        What stands in a file of the repository.
    """
    try:
        return len(base64.urlsafe_b64decode(text)) == KEY_BYTES
    except ValueError:
        return False


def _key():
    return base64.urlsafe_b64encode(secrets.token_bytes(KEY_BYTES)).decode()


def _fingerprint(key):
    return hashlib.sha256(key.encode()).hexdigest()[:FINGERPRINT_DIGITS]
