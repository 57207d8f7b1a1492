"""
The machines' networks and floating addresses as a coordinated system: one controller brings the
database to what the cluster file names, one change after another.

Evidence of a controller is a mapping: ``is_ready`` (Nova's programs and files are there),
``pending`` (what its schema lacks, as ``openstack_ha_db_sync`` has it), and ``networks`` and
``floating`` as ``openstack_ha_nova_network`` explains them; None is unknown.
"""

import openstack_ha_nova_network
import openstack_ha_nova_network_changes
import openstack_ha_rule

SHAPE = {"is_ready": bool, "pending": (None, str), **openstack_ha_nova_network.FOUND}
# Its steps, each the name of a function.
VERDICTS = (
    "create_network",
    "assign_network",
    "remove_network",
    "create_floating",
    "remove_floating",
)
# What cannot be undone where somebody takes an address meanwhile.
FINAL = ("remove_network", "remove_floating")


def decide(case):
    """
    Return what is to be done, as ``openstack_ha_rule`` describes it: the first change, by the first
    controller whose database answers.
    """
    seen, refusal = openstack_ha_rule.understood(case, SHAPE)
    if refusal:
        return [refusal]
    able = [node for node in seen if openstack_ha_nova_network.is_able(seen[node])]
    if not able:
        why = "no controller that answers has Nova, its schema and a database that answers"
        return [openstack_ha_rule.nobody(case, seen, case["nodes"], why)]
    return [_step(case["cluster"]["nova_network"], able[0], seen[able[0]])]


def remember(case, decision):
    """Return what is kept until the next look: nothing."""
    return {}


def listeners(case, decision):
    """Return all who answer: their states may wait for it."""
    return [node for node, one in case["found"].items() if openstack_ha_rule.fits(one, SHAPE)]


def again(case, decision, failures):
    """Return the seconds until the next look, None where only an event asks for one."""
    return 0 if failures == {} else None


def _step(section, node, said):
    changes = openstack_ha_nova_network_changes.changes(section, said)
    if not changes:
        return _said("settled", [], "networks and floating addresses are what the cluster file has")
    first = changes[0]
    if first["verdict"] == "refuse":
        more = f"; {len(changes) - 1} more" if len(changes) > 1 else ""
        return _said("refuse", [], f"{first['why']}{more}", first["way_out"])
    why = f"{first['subject']}: {first['old']} becomes {first['new']}"
    step = {**_said(first["verdict"], [node], why), "arguments": first["arguments"]}
    return {**step, "is_final": True} if first["verdict"] in FINAL else step


def _said(verdict, nodes, why, way_out=None):
    return {"verdict": verdict, "nodes": nodes, "why": why, "way_out": way_out}
