"""
The services' schemas as a coordinated system: a decision for each service.
"""

import openstack_ha_cluster
import openstack_ha_db_sync

# Its steps, each the name of a function.
VERDICTS = ("sync", "expand")


def decide(case):
    """
    Return what is to be done, as ``openstack_ha_rule`` describes it; the subject is a service.
    """
    systems = openstack_ha_cluster.all_systems(case["cluster"])
    return [
        {
            **openstack_ha_db_sync.decide(case["nodes"], _found(case, service)),
            "subject": service,
            "arguments": {"service": service},
        }
        for service in openstack_ha_db_sync.services(systems)
    ]


def remember(case, decision):
    """Return what is kept until the next look: nothing."""
    return {}


def listeners(case, decision):
    """Return those whose service waits for its schema."""
    found = _found(case, decision["subject"])
    return [node for node in found if openstack_ha_db_sync.is_waiting(found[node])]


def again(case, decision, failures):
    """Return the seconds until the next look, None where only an event asks for one."""
    return 0 if failures == {} else None


def _found(case, service):
    """What the nodes said of one service; an error, or a missing function, is about all of them."""
    return {
        node: said.get(service, said) if isinstance(said, dict) else said
        for node, said in case["found"].items()
    }
