"""
Lighthouses as a coordinated system: exactly one burns, and the others watch its light.

Evidence of a node is a mapping: ``is_ready`` (its unit is there), ``light`` (whose its daemon was
started with; its own burns, None where none runs) and ``log`` (the number of its starts).
"""

import openstack_ha_rule

SHAPE = {"is_ready": bool, "light": (None, str), "log": int}
# Its steps, each the name of a function.
VERDICTS = ("kindle", "watch")
# Seconds for silent nodes to come back, of which one could burn.
PATIENCE = 600


def decide(case):
    """
    Return what is to be done, as ``openstack_ha_rule`` describes it: who has started most often
    burns, and then the others are started one after another, in the cluster file's order.
    """
    seen, refusal = openstack_ha_rule.understood(case, SHAPE)
    if refusal:
        return [refusal]
    burning = [node for node in seen if seen[node]["light"] == node]
    if len(burning) > 1:
        way_out = f"`salt {burning[1]} openstack_ha_lighthouse.watch {burning[0]}`"
        return [_said("refuse", burning, f"{' and '.join(burning)} burn", way_out)]
    if burning:
        return [_led_by(burning[0], seen)]
    silent = [node for node in case["nodes"] if node not in seen]
    if silent:
        return [_wait_for(silent, case)]
    ready = [node for node in case["nodes"] if seen[node]["is_ready"]]
    if not ready:
        return [_said("wait", [], "no node is configured")]
    first = max(ready, key=lambda node: seen[node]["log"])
    why = f"nobody burns, and {first} has the longest log"
    return [{**_said("kindle", [first], why), "is_final": True}]


def remember(case, decision):
    """Return what is kept until the next look: since when somebody is waited for."""
    before = case["records"].get("", {}).get("waiting_since")
    is_waiting = decision["verdict"] in ("wait", "refuse")
    return {"waiting_since": openstack_ha_rule.begun(before, case["now"]) if is_waiting else None}


def listeners(case, decision):
    """Return all who answer: whoever is dark may wait for it."""
    return [node for node, one in case["found"].items() if openstack_ha_rule.fits(one, SHAPE)]


def again(case, decision, failures):
    """Return the seconds until the next look, None where only an event asks for one."""
    return 0 if failures == {} else None


def _led_by(light, seen):
    idle = [node for node in seen if seen[node]["is_ready"] and seen[node]["light"] != light]
    if not idle:
        return {**_said("settled", [], f"{light} burns, and the others watch it"), "owner": light}
    step = _said("watch", idle[:1], f"{light} burns, and {idle[0]} does not watch it")
    return {**step, "arguments": {"light": light}}


def _wait_for(silent, case):
    why = f"{', '.join(openstack_ha_rule.silence(silent, case['found']))}, and could burn"
    if case["now"] - remember(case, {"verdict": "wait"})["waiting_since"] < PATIENCE:
        return _said("wait", [], why)
    return _said("refuse", silent, why, f"bring {silent[0]} back")


def _said(verdict, nodes, why, way_out=None):
    return {"verdict": verdict, "nodes": nodes, "why": why, "way_out": way_out}
