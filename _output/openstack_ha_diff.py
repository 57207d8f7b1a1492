"""
Show what ``salt-run openstack_ha.diff`` found: what a guard refuses, options, secrets, services,
decisions, nodes.

With ``--out=json`` and the like Salt takes that outputter instead, and shows the plain data.
"""

__virtualname__ = "openstack_ha_diff"

# Characters of a value, and names in a row; the rest is counted.
LONGEST = 60
NAMED = 8
ABSENT = "(nothing)"


def __virtual__():
    return __virtualname__


def output(data, **kwargs):
    """
    Return the paragraphs.

    data
        What ``openstack_ha.diff`` returns.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha.diff demo
    """
    paragraphs = {
        "refused, so that nothing of the file is applied:": [f"  {one}" for one in data["refused"]],
        "options:": _options(data["options"]),
        "secrets, of which no value is shown:": _secrets(data["secrets"]),
        "services:": [
            f"  {one['part']} {one['how']}: {_names(one['nodes'])}" for one in data["services"]
        ],
        "the master decides anew:": [
            f"  {system}: {_names(why)}" for system, why in data["decides"].items()
        ],
        "nodes:": list(_nodes(data)),
    }
    shown = [_shown([title, *lines]) for title, lines in paragraphs.items() if lines]
    return "\n\n".join([_headline(data), *shown])


def _headline(data):
    if data["refused"]:
        return f"{data['name']}: {data['file']} has what a highstate cannot change"
    if data["retcode"] == 0:
        return f"{data['name']}: its nodes have applied what {data['file']} says"
    if data["retcode"] == 1:
        return f"{data['name']}: nothing differs on the nodes that can be compared"
    return f"{data['name']}: {data['file']} differs from what its nodes have applied"


def _options(rows):
    """By system; nodes only where they do not all have the same before them."""
    paths = [one["path"] for one in rows]
    lines, last = [], None
    for one in rows:
        section, _, path = one["path"].partition(":")
        if section != last:
            lines.append(f"  {section}")
            last = section
        where = f" ({_names(one['nodes'])})" if paths.count(one["path"]) > 1 else ""
        change = f"{_value(one['old'])} -> {_value(one['new'])}"
        lines.append(f"    {path or section}: {change}{where}")
    return lines


def _secrets(rows):
    return [f"  {one['path']}: {one['change']}" for one in rows]


def _nodes(data):
    if data["new"]:
        yield f"  {_names(data['new'])}: no whole highstate yet, everything is new there"
    if data["gone"]:
        yield f"  {_names(data['gone'])}: no node of the file any more"
    for why in dict.fromkeys(data["unknown"].values()):
        nodes = [node for node, one in data["unknown"].items() if one == why]
        yield f"  {_names(nodes)}: cannot be compared, {why}"


def _value(value):
    if value is None:
        return ABSENT
    if isinstance(value, bool):
        return str(value).lower()
    text = str(value)
    if "\n" in text:
        return f"(a text of {len(text.splitlines())} lines)"
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}.."


def _names(names):
    """Of hundreds the first ones and their number."""
    more = len(names) - NAMED
    return ", ".join(names if more <= 0 else [*names[:NAMED], f"and {more} more"])


def _shown(lines):
    return __salt__["openstack_ha_lines"](lines)
