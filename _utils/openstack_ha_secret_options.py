"""
Options of services' files that are secrets, as a password of an LDAP server.

They stand at the same place below ``secrets`` as others below the service: what is among a
service's options is in views, in SLS files and in what states show, and what is below ``secrets``
is in none of them.
"""

import re

import openstack_ha_masked

# Where there are options with secrets; each path is that of a section of the cluster file.
PATHS = (("keystone",), ("glance",), ("placement",), ("nova",), ("swift", "proxy"))
# How names of options end that are secrets, where their values are texts.
NAME = re.compile(r"(^|_)(password|passphrase|secret|secret_key|api_key|admin_token|private_key)$")


def referred(view):
    """
    Return a view in which each secret option stands among its service's options, as ``{"secret":
    path}``; whoever prints the file asks for it.

    view
        A node's view, with its secrets.
    """
    found = dict(view)
    for path in PATHS:
        secrets = _at(view.get("secrets", {}), (*path, "options"))
        if secrets and _at(view, path) is not None:
            found = _with(found, (*path, "options"), _references(path, secrets))
    return found


def faults(cluster):
    """
    Return which options are secrets, a line each with the place where they belong.

    cluster
        The cluster file's content, or a view.
    """
    return [
        f"{':'.join((*path, 'options', section, name))}: is a secret, and options are shown; it "
        f"belongs to secrets:{':'.join((*path, 'options', section, name))}"
        for path in PATHS
        for section, options in (_at(cluster, (*path, "options")) or {}).items()
        for name, value in options.items()
        if _is_secret(name, value)
    ]


def _is_secret(name, value):
    values = value if isinstance(value, list) else [value]
    texts = [one for one in values if isinstance(one, str) and one]
    return bool(texts) and bool(
        NAME.search(name.lower().replace("-", "_"))
        or any(map(openstack_ha_masked.CREDENTIALS.search, texts))
    )


def _references(path, secrets):
    return {
        section: {name: {"secret": ":".join((*path, "options", section, name))} for name in options}
        for section, options in secrets.items()
    }


def _with(tree, path, options):
    """A copy of a tree with sections of options beside those at a path."""
    key, *others = path
    if others:
        return {**tree, key: _with(tree.get(key, {}), others, options)}
    before = tree.get(key, {})
    sections = [*before, *(one for one in options if one not in before)]
    return {
        **tree,
        key: {one: {**before.get(one, {}), **options.get(one, {})} for one in sections},
    }


def _at(tree, path):
    for key in path:
        tree = tree.get(key) if isinstance(tree, dict) else None
    return tree
