"""
What a node does at a master's word, and nothing else (``openstack_ha_master.serve``).

The formula has functions that return secrets to those who are on the node itself: what is asked for
by a job is none of them, whatever a job names.
"""

import importlib

import openstack_ha_cluster

# Beside the questions and steps of what is coordinated.
OTHERS = (
    "openstack_ha.evidence",
    "openstack_ha_galera.forget",
    "openstack_ha_guard.forget",
    "openstack_ha_guard.memory",
    "openstack_ha_keystone.locked_keys",
    "openstack_ha_leaving.is_reached",
    "openstack_ha_leaving.stop",
    "openstack_ha_master.leave",
    "openstack_ha_rejoin.finish",
    "openstack_ha_rejoin.status",
    "openstack_ha_swift.parcel",
    "openstack_ha_swift.serve_ring",
    "openstack_ha_swift.stage",
    "openstack_ha_swift.take_back",
    "openstack_ha_swift_ring.apply",
    "openstack_ha_swift_ring.plan",
    "openstack_ha_word.hear",
)


RULES = {
    system: importlib.import_module(f"openstack_ha_{system}_rule")
    for system in openstack_ha_cluster.coordinated()
}


def functions():
    """
    Return the names of the functions that a master may ask for: the evidence of each coordinated
    system, its steps, which are its rule's verdicts, and a few more.
    """
    return set(OTHERS).union(
        *(
            {f"openstack_ha_{system}.{name}" for name in ("evidence", *rule.VERDICTS)}
            for system, rule in RULES.items()
        )
    )
