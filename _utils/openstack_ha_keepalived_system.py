"""
keepalived as one of the systems, as ``openstack_ha_systems`` explains it.
"""

SYSTEM = {
    "parts": {"keepalived": {"roles": {"controller"}}},
    "turns": {"keepalived": {"unit": "keepalived.service", "patience": 0, "reloads": True}},
}
