"""
What the rules about a cluster's members have in common.
"""

# Where a person is sent whose node has modules of another version than the master's.
OLD_MODULE = ("lost-node.md", "A controller answers with an old module")


def unclear(members, evidence, seen):
    """
    Return the members that answered, but not in full.

    members
        Ids of all members.

    evidence
        What each answered by id, None or nothing where it did not.

    seen
        Those of it that are complete.
    """
    return [node for node in members if evidence.get(node) and node not in seen]


def less(nodes):
    """
    Return what is wrong with members that are unclear.

    nodes
        Their ids.
    """
    return f"{', '.join(nodes)} answered with less than this master's modules would"


def sync(node):
    """
    Return the command that mends an unclear member.

    node
        Its id.
    """
    return f"salt {node} saltutil.sync_all"


def stand_back(rivals):
    """
    Return the decision of a master that is not the one whom every member obeys: only that one acts.

    rivals
        The master that is obeyed, by id of the member.
    """
    why = ", ".join(f"{node} obeys the master {master}" for node, master in rivals.items())
    return {"verdict": "wait", "nodes": [], "why": why, "way_out": None}
