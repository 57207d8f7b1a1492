"""
memcached as one of the systems, as ``openstack_ha_systems`` explains it.
"""

SYSTEM = {
    "parts": {"memcached": {"roles": {"controller", "proxy"}}},
    # Its clients go on without it, and ask the others.
    "turns": {"memcached": {"unit": "memcached.service", "patience": 0}},
}
