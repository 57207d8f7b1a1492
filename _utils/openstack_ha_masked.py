"""
What may be kept and shown of a cluster: all of it, with marks in place of secrets.

Two marks are equal where what they hide is equal, and only who has the key can tell whether a guess
is right, which a plain digest would tell everybody.
"""

import hashlib
import hmac
import json
import re

import openstack_ha_memo

MARK = "secret:"
LENGTH = 16
# Sections of files that the user fills; what stands there under such a key is a secret.
FREE = {"options", "provider_options", "server_options"}
SECRET_KEY = re.compile(r"passw|secret|token$|credential|auth$|api_?key|private", re.IGNORECASE)
# Somebody's password in a URL.
CREDENTIALS = re.compile(r"://[^/@\s]*:[^/@\s]+@")


def masked(cluster, key):
    """
    Return a copy of the cluster in which each secret is a mark.

    cluster
        A complete cluster.

    key
        Bytes that nobody else has; marks of one key can be compared.
    """
    return {
        name: _all(value, key) if name == "secrets" else _some(value, key, is_free=False)
        for name, value in cluster.items()
    }


def is_mark(value):
    """
    Return whether a value stands for a secret.

    value
        Of a masked cluster.
    """
    return isinstance(value, str) and value.startswith(MARK)


def version(found):
    """
    Return a name of what a masked cluster says, the same for the same.

    found
        What ``masked`` returns.
    """
    text = json.dumps(found, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:LENGTH]


def name_of(cluster, key):
    """
    Return the ``version`` of a cluster, which takes a while at a thousand nodes, from memory where
    it was the last one of its name.

    cluster, key
        As for ``masked``.
    """
    source = repr((key, cluster)).encode()
    place = ("version", cluster["name"])
    return openstack_ha_memo.made(place, source, lambda: version(masked(cluster, key)))


def _all(value, key):
    if isinstance(value, dict):
        return {name: _all(one, key) for name, one in value.items()}
    return _mark(value, key)


def _some(value, key, is_free):
    if isinstance(value, dict):
        return {
            name: _mark(one, key)
            if is_free and not isinstance(one, dict) and _is_secret(name, one)
            else _some(one, key, is_free or name in FREE)
            for name, one in value.items()
        }
    return [_some(one, key, is_free) for one in value] if isinstance(value, list) else value


def _is_secret(name, value):
    return bool(SECRET_KEY.search(name) or CREDENTIALS.search(str(value)))


def _mark(value, key):
    text = json.dumps(value, sort_keys=True)
    return f"{MARK}{hmac.new(key, text.encode(), hashlib.sha256).hexdigest()[:LENGTH]}"
