"""
HAProxy as one of the systems, as ``openstack_ha_systems`` explains it.
"""

SYSTEM = {
    "parts": {"haproxy": {"roles": {"controller"}, "secrets": [("haproxy",), ("tls",)]}},
}
