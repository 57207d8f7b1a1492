"""
A configuration file of an OpenStack service as text, and what changes when it is written anew.

A file is ``{section: {key: value}}``; ``openstack_ha_options`` says what a value is.
"""

import re

import openstack_ha_masked

# What stands in a change for a value that is a secret, or may be one.
HIDDEN = "(not shown)"
# As oslo.config and Python's configparser end a name.
SEPARATOR = re.compile(r"\s*[=:]\s*")
COMMENTS = ("#", ";")


def text(system, file, secret):
    """
    Return a file as it is written, with its secrets.

    system
        The system whose file it is, for its first line.

    file
        The file.

    secret
        A function that returns the secret at a path below ``secrets``.
    """
    lines = [f"# Written by Salt (openstack_ha.{system}); changes made here are lost."]
    for section, options in file.items():
        lines += ["", f"[{section}]"]
        for key, value in options.items():
            lines += [f"{key} = {one}" for one in _printed(value, secret)]
    return "\n".join([*lines, ""])


def changes(before, after, file):
    """
    Return what a file says otherwise, as ``{"[section] key": {"old", "new"}}``. A value that is or
    may be a secret is never in there, but ``HIDDEN``; an option that is not there is None, one that
    stands there several times is a list.

    before, after
        Its text on disk, and the one to be written.

    file
        The file that is written, in which secrets are known.
    """
    old, new = _options(before), _options(after)
    found = {
        f"[{section}] {key}": (section, key, old.get((section, key)), new.get((section, key)))
        for section, key in [*new, *(one for one in old if one not in new)]
        if old.get((section, key)) != new.get((section, key))
    }
    if not found and before != after:
        return {"lines": {"old": "in another form", "new": "as the formula writes them"}}
    return {
        name: _told(*change, is_hidden=_is_hidden(*change, file)) for name, change in found.items()
    }


def _printed(value, secret):
    for one in value["each"] if isinstance(value, dict) else [value]:
        pieces = one if isinstance(one, (list, tuple)) else [one]
        yield "".join(
            secret(piece["secret"]) if isinstance(piece, dict) else str(piece) for piece in pieces
        )


def _options(content):
    """The values of each option by its section and name, in their order."""
    found, section, last = {}, "", None
    for line in content.splitlines():
        if not line.strip() or line.startswith(COMMENTS):
            continue
        if line[0].isspace() and last:
            last[-1] += f"\n{line.strip()}"
        elif line.startswith("["):
            section, last = line.strip().strip("[]"), None
        else:
            key, *value = SEPARATOR.split(line.strip(), maxsplit=1)
            last = found.setdefault((section, key), [])
            last.append("".join(value))
    return found


def _is_hidden(section, key, old, new, file):
    """Of what the formula does not write any more nobody knows whether it is a secret."""
    value = file.get(section, {}).get(key)
    return (
        new is None
        or _has_secret(value)
        or bool(openstack_ha_masked.SECRET_KEY.search(key))
        or any(openstack_ha_masked.CREDENTIALS.search(one) for one in [*(old or ()), *new])
    )


def _has_secret(value):
    if isinstance(value, dict):
        return "secret" in value or any(map(_has_secret, value.get("each", ())))
    return isinstance(value, (list, tuple)) and any(map(_has_secret, value))


def _told(section, key, old, new, is_hidden):
    return {"old": _shown(old, is_hidden), "new": _shown(new, is_hidden)}


def _shown(values, is_hidden):
    if values is None:
        return None
    return HIDDEN if is_hidden else values[0] if len(values) == 1 else values
