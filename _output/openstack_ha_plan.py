"""
Show what ``salt-run openstack_ha_coordinator.plan`` found: decisions, and what they rest on.

With ``--out=json`` and the like Salt takes that outputter instead, and shows the plain data.
"""

__virtualname__ = "openstack_ha_plan"

# Facts of a node that are shown, and characters of each; more are for programs.
MOST = 60
LONGEST = 80


def __virtual__():
    return __virtualname__


def output(data, **kwargs):
    """
    Return the paragraphs.

    data
        What ``openstack_ha_coordinator.plan`` returns.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha_coordinator.plan demo galera
    """
    paragraphs = {
        "decisions:": [line for one in data["decisions"] for line in _decision(data, one)],
        "evidence:": [f"  {node}: {_said(one)}" for node, one in data["evidence"].items()],
        "the master's last word:": list(_kept(data)),
    }
    shown = __salt__["openstack_ha_lines"]
    return "\n\n".join(shown([title, *lines]) for title, lines in paragraphs.items() if lines)


def _decision(data, one):
    subject = f".{one['subject']}" if one.get("subject") else ""
    nodes = f" {', '.join(one['nodes'])}" if one["nodes"] else ""
    yield f"  {data['system']}{subject}: {one['verdict']}{nodes}: {one['why']}"
    if one["way_out"]:
        yield f"    {one['way_out']}"


def _said(one):
    if not isinstance(one, dict):
        return "no answer" if one is None else str(one)
    facts = list(_facts(one))
    if len(facts) > MOST:
        return f"{len(facts)} facts, which --out=json shows"
    return ", ".join(facts)


def _facts(tree, path=""):
    """Each leaf with the keys that lead to it."""
    for key, value in tree.items():
        if isinstance(value, dict) and value:
            yield from _facts(value, f"{path}{key}.")
        else:
            text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
            shown = text if len(text) <= LONGEST else f"{text[:LONGEST]}.."
            yield f"{path}{key}: {shown or 'none'}"


def _kept(data):
    for record, age in data["ages"].items():
        yield f"  {record}: {data['kept'][record]['decision']['verdict']}, for {age}"
