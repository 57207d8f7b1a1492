"""
RabbitMQ as a coordinated system: who starts, joins or goes, and what lasts from look to look.
"""

import openstack_ha_rabbitmq_membership as membership
import openstack_ha_rule

# Seconds between looks while brokers start, or find each other again.
LOOK_AGAIN = 3
# Its steps, each the name of a function.
VERDICTS = (
    "launch",
    "join",
    "form",
    "resume",
    "relaunch",
    "rejoin_forgotten",
    "forget",
    "grow",
    "repair",
    "stand_down",
    "force_boot",
)


def decide(case):
    """
    Return what is to be done, as ``openstack_ha_rule`` describes it.

    case
        A case; its wish is the controller that a person names to start from.
    """
    if case["wish"]:
        return [membership.recover(case["name"], brokers(case), case["found"], case["wish"])]
    since, lasting = case["records"].get("", {}).get("waiting_since"), _lasting(case)
    decision = membership.decide(
        case["name"],
        brokers(case),
        case["found"],
        case["now"] - openstack_ha_rule.begun(since, case["now"]),
        **lasting,
        now=case["now"],
    )
    if decision["verdict"] == membership.REPAIR:
        due = membership.due(lasting["ill"], case["now"])
        decision["arguments"] = {"queues": [[one["vhost"], one["name"]] for one in due]}
    return [decision]


def remember(case, decision):
    """Return what is kept until the next look: since when the master waits, and what is wrong."""
    lasting, is_waiting = _lasting(case), decision["verdict"] in ("wait", "refuse")
    if decision["verdict"] == membership.REPAIR:
        # Counted before it is tried, since what fails is not tried for ever either.
        lasting["ill"] = membership.mended(lasting["ill"], case["now"])
    before = case["records"].get("", {}).get("waiting_since")
    since = openstack_ha_rule.begun(before, case["now"]) if is_waiting else None
    return {"waiting_since": since, **lasting}


def listeners(case, decision):
    """
    Return those who answered and whose broker does not run: the word ends or explains their wait.
    """
    found = case["found"]
    return [node for node in found if found[node] and not found[node].get("is_running")]


def again(case, decision, failures):
    """Return the seconds until the next look, None where only an event asks for one."""
    if failures is not None:
        return None if failures else LOOK_AGAIN
    # Who is silent is asked again by the schedule, or says that it has started. Until an illness of
    # queues has lasted, the schedule looks at that too.
    found = case["found"].values()
    is_near = openstack_ha_rule.have_answered(case["found"]) and not any(
        one.get("ill_queues") for one in found
    )
    return LOOK_AGAIN if decision["verdict"] == membership.WAIT and is_near else None


def brokers(case):
    """Return the brokers by node, in the cluster file's order."""
    nodes = case["cluster"]["nodes"]
    return {node: f"rabbit@{nodes[node]['hostname']}" for node in case["nodes"]}


def _lasting(case):
    """What is wrong, and since when, by this look and those before."""
    record, found, now = case["records"].get("", {}), case["found"], case["now"]
    return {
        "ill": membership.ailing(found, record.get("ill", ()), now),
        "behind": membership.stays_behind(brokers(case), found, record.get("behind", {}), now),
    }
