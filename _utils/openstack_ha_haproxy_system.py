"""
HAProxy as one of the systems, as ``openstack_ha_systems`` explains it.
"""

SYSTEM = {
    "parts": {"haproxy": {"roles": {"controller"}, "secrets": [("haproxy",), ("tls",)]}},
    # Where it is restarted, systemd stops keepalived first, which hands the VIP over.
    "turns": {"haproxy": {"unit": "haproxy.service", "patience": 0, "reloads": True}},
}
