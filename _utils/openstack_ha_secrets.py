"""
Which secrets a cluster needs, and how to make the ones that it lacks.
"""

import secrets

# 32 URL-safe characters are 190 bits; the alphabet is a subset of the schema's SECRET_PATTERN.
SECRET_BYTES = 24

# Accounts of the formula itself: HAProxy's checks look into the servers with them.
HEALTH_ACCOUNT = "health"


def needed(cluster):
    """
    Return the paths below ``secrets`` that the cluster needs, as tuples.

    cluster
        The cluster with its defaults.
    """
    accounts = [HEALTH_ACCOUNT, *cluster.get("galera", {}).get("accounts", {})]
    users = [HEALTH_ACCOUNT, *cluster.get("rabbitmq", {}).get("users", {})]
    paths = [("haproxy", "stats"), ("rabbitmq", "erlang_cookie")]
    paths += [("galera", "accounts", name) for name in accounts]
    paths += [("rabbitmq", "users", name) for name in users]
    return list(dict.fromkeys(paths))


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


def missing(cluster):
    """
    Return the paths of needed secrets that the cluster does not have.

    cluster
        The cluster with its defaults.
    """
    tree = cluster.get("secrets", {})
    return [path for path in needed(cluster) if lookup(tree, path) is None]


def generate(cluster):
    """
    Return the whole mapping for ``secrets``: those the cluster has, and new ones for the rest.

    cluster
        The cluster with its defaults.
    """
    tree = {}
    for path in needed(cluster):
        *parents, leaf = path
        branch = tree
        for key in parents:
            branch = branch.setdefault(key, {})
        known = lookup(cluster.get("secrets", {}), path)
        branch[leaf] = known or secrets.token_urlsafe(SECRET_BYTES)
    return tree
