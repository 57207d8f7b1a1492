"""
A cluster file that has been checked, once for as long as it says the same.

At a thousand nodes that is a third of a second, and each pillar of the master asks for it, also of
a minion that is no node of ours.
"""

import openstack_ha_cluster
import openstack_ha_memo

# Renderers by which the same text is the same content. Others ask somewhere: Jinja may import other
# files and call modules, sdb and vault are asked for a value of the moment.
OF_THE_TEXT = {"yaml", "json", "gpg", "nacl"}
TEMPLATE = "jinja"
TAGS = ("{{", "{%", "{#")
SHEBANG = "#!"
# What gpg leaves of a secret whose key it lacks; the key may come.
UNOPENED = "-----BEGIN PGP MESSAGE-----"


def recalled(path, text, renderers):
    """
    Return what ``checked`` returned of a text, None where it has to be rendered for that.

    path
        Of the file.

    text
        What is in it.

    renderers
        The pipe of renderers where the first line names none, as ``jinja|yaml``; None where nobody
        can say what they make of it.
    """
    if not speaks_alone(text, renderers):
        return None
    known = openstack_ha_memo.recalled(("text", path), text.encode())
    return known and known[0]


def checked(path, text, renderers, content):
    """
    Return ``{"faults": [line, ..], "cluster": the complete cluster, None with a fault}``.

    path, text, renderers
        As for ``recalled``.

    content
        What the renderers have made of the text, below ``openstack_ha``.
    """
    source = repr(content)
    found = openstack_ha_memo.made(("content", path), source.encode(), lambda: _check(content))
    if speaks_alone(text, renderers) and UNOPENED not in source:
        openstack_ha_memo.keep(("text", path), text.encode(), found)
    return found


def speaks_alone(text, renderers):
    """
    Return whether what a file says follows from its text and from nothing else.

    text, renderers
        As for ``recalled``.
    """
    if renderers is None:
        return False
    first = text.partition("\n")[0].strip()
    pipe = first.removeprefix(SHEBANG) if first.startswith(SHEBANG) else renderers
    names = {one.split()[0] for one in pipe.split("|") if one.strip()}
    if TEMPLATE in names and not any(tag in text for tag in TAGS):
        names.discard(TEMPLATE)
    return bool(names) and names <= OF_THE_TEXT


def _check(content):
    faults = openstack_ha_cluster.faults(content)
    return {"faults": faults, "cluster": None if faults else openstack_ha_cluster.complete(content)}
