"""
Galera as a coordinated system: what the election says, and what is kept of it between two looks.
"""

import openstack_ha_galera_election as election
import openstack_ha_rule

# Seconds between looks while servers of a cluster without a Primary component move by themselves.
LOOK_AGAIN = 2
# What the master keeps of a cluster that it has not seen yet.
NEW = {
    "floor": None,
    "has_restarted": False,
    "without_primary_since": None,
    "donating_since": None,
}
# Its steps, each the name of a function.
VERDICTS = ("bootstrap", "join", "launch", "restart", "stand_down")


def decide(case):
    """
    Return what is to be done, as ``openstack_ha_rule`` describes it.

    case
        A case; its wish is the controller that a person names to start from.
    """
    record, since = _record(case), _without_primary_since(case)
    donating_since = _donating_since(case)
    decision = election.decide(
        case["name"],
        case["nodes"],
        case["found"],
        record["floor"],
        has_restarted=record["has_restarted"],
        without_primary=case["now"] - since if since else 0,
        donating=case["now"] - donating_since if donating_since else 0,
        chosen=case["wish"],
    )
    if decision["verdict"] == election.BOOTSTRAP:
        # Rule 10: everybody is asked again, and the node compares its own position once more.
        (first,) = decision["nodes"]
        position = {"position": case["found"][first]["position"]}
        decision.update(is_final=True, ends_wish=True, arguments=position)
    return [decision]


def remember(case, decision):
    """
    Return what is kept until the next look: the floor, and since when nobody has been Primary, or a
    donor has had nobody to give to.
    """
    record = _record(case)
    if decision["verdict"] == election.SETTLED:
        return {**NEW, "floor": election.reached(case["found"])}
    if decision["verdict"] == election.LAUNCH:
        return {**record, "has_restarted": True, "without_primary_since": case["now"]}
    since = {"donating_since": _donating_since(case)}
    return {**record, **since, "without_primary_since": _without_primary_since(case)}


def listeners(case, decision):
    """Return those who answered and are not Synced: the word ends or explains their wait."""
    found = case["found"]
    waiting = [node for node in found if found[node] and not election.is_synced(found[node])]
    if decision["verdict"] == election.REFUSE and decision["nodes"]:
        return [node for node in waiting if node in decision["nodes"]]
    return waiting


def again(case, decision, failures):
    """Return the seconds until the next look, None where only an event asks for one."""
    if failures is not None:
        return None if failures else 0
    has_all = openstack_ha_rule.have_answered(case["found"])
    is_moving = decision["verdict"] == election.WAIT and has_all and not _has_primary(case)
    return LOOK_AGAIN if is_moving else None


def _record(case):
    kept = case["records"].get("", {})
    return {key: kept.get(key, NEW[key]) for key in NEW}


def _without_primary_since(case):
    """When the first look found no Primary component, None while there is one."""
    if _has_primary(case):
        return None
    return openstack_ha_rule.begun(_record(case)["without_primary_since"], case["now"])


def _donating_since(case):
    """When the first look in a row found an idle donor, None while there is none."""
    if not election.is_donating(case["found"]):
        return None
    return openstack_ha_rule.begun(_record(case)["donating_since"], case["now"])


def _has_primary(case):
    return any(election.is_primary(one) for one in case["found"].values())
