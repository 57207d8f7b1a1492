"""
Which secrets a cluster needs, and how to make the ones that it lacks.
"""

import copy
import secrets

import openstack_ha_db_sync
import openstack_ha_identity
import openstack_ha_messaging
import openstack_ha_nova_migration_key as migration_key
import openstack_ha_systems
import openstack_ha_tls

# 32 URL-safe characters are 190 bits; the alphabet is a subset of SECRET_PATTERN in
# openstack_ha_option_types.
SECRET_BYTES = 24

# Accounts of the formula itself: HAProxy's checks look into the servers with them.
HEALTH_ACCOUNT = "health"

# Which systems read which secrets, by the path below ``secrets``.
READERS = openstack_ha_systems.readers()

# How the secrets of pillar.example begin, which everybody knows.
EXAMPLE = "change-me"

# Those that nobody can make alone.
TLS_KEY = ("tls", "key")
# Those that are no word.
MADE_BY = {migration_key.PATH: migration_key.made}


def needed(cluster, systems):
    """
    Return the paths below ``secrets`` that systems of the cluster need, as tuples.

    cluster
        The cluster with its defaults.

    systems
        Names of systems.
    """
    own = openstack_ha_db_sync.services(systems)
    accounts = [HEALTH_ACCOUNT, *own, *cluster.get("galera", {}).get("accounts", {})]
    senders = openstack_ha_messaging.users(systems)
    users = [HEALTH_ACCOUNT, *senders, *cluster.get("rabbitmq", {}).get("users", {})]
    paths = [("haproxy", "stats"), ("rabbitmq", "erlang_cookie")]
    paths += [("galera", "accounts", name) for name in accounts]
    paths += [("rabbitmq", "users", name) for name in users]
    paths += [("keystone", "admin")]
    paths += [("keystone", "users", name) for name in openstack_ha_identity.users(cluster, systems)]
    paths += [("swift", "hash_path_prefix"), ("swift", "hash_path_suffix")]
    paths += [("swift", "users", name) for name in cluster.get("swift", {}).get("users", {})]
    paths += [migration_key.PATH, ("horizon", "secret_key")]
    paths += [TLS_KEY] if openstack_ha_tls.is_on(cluster) else []
    return [path for path in dict.fromkeys(paths) if _is_read(path, systems)]


def remedy(path):
    """
    Return where a secret that is missing comes from.

    path
        Of the secret.
    """
    if path == TLS_KEY:
        return "the private key of tls:certificate in PEM; or set tls:plain_http: true"
    return "`salt-run openstack_ha.secrets` makes one"


def is_example(path, secret):
    """
    Return whether a secret is the one of pillar.example.

    path
        Of the secret.

    secret
        What stands there; anything.
    """
    if not isinstance(secret, str):
        return False
    if path == TLS_KEY:
        return openstack_ha_tls.EXAMPLE in secret
    if path == migration_key.PATH:
        return migration_key.is_example(secret)
    return secret.startswith(EXAMPLE)


def visible(tree, systems):
    """
    Return what systems may know of the secrets.

    tree
        The mapping under ``secrets``.

    systems
        Names of the systems of one node.
    """
    seen = {}
    for path, readers in READERS.items():
        found = lookup(tree, path)
        if found is not None and readers.intersection(systems):
            _put(seen, path, found)
    return seen


def _word():
    return secrets.token_urlsafe(SECRET_BYTES)


def _is_read(path, systems):
    return any(
        readers.intersection(systems)
        for prefix, readers in READERS.items()
        if path[: len(prefix)] == prefix
    )


def _put(tree, path, value):
    *parents, leaf = path
    for key in parents:
        tree = tree.setdefault(key, {})
    tree[leaf] = value


def lookup(tree, path):
    """
    Return the secret at ``path``, or None.

    tree
        The mapping under ``secrets``.

    path
        The keys that lead to it.
    """
    for key in path:
        if not isinstance(tree, dict) or key not in tree:
            return None
        tree = tree[key]
    return tree


def found(tree, text):
    """
    Return the secret of a path as a file's data has it, or None.

    tree
        The mapping under ``secrets``.

    text
        The keys that lead to it, joined by colons, which a section of a file may have itself.
    """
    if not isinstance(tree, dict):
        return None
    if text in tree:
        return tree[text]
    inner = (
        found(branch, text[len(key) + 1 :])
        for key, branch in tree.items()
        if text.startswith(f"{key}:")
    )
    return next((one for one in inner if one is not None), None)


def generate(cluster, systems):
    """
    Return the whole mapping for ``secrets``: those the cluster has, needed or not, and new ones for
    the rest and in place of the example's: what is not needed today may be what yesterday's objects
    were stored with. The key of TLS is not made, since it has to fit its certificate.

    cluster
        The cluster with its defaults.

    systems
        Names of all systems that run somewhere in it.
    """
    tree = copy.deepcopy(cluster.get("secrets", {}))
    for path in needed(cluster, systems):
        known = lookup(tree, path)
        if path != TLS_KEY and (known is None or is_example(path, known)):
            _put(tree, path, MADE_BY.get(path, _word)())
    return tree
