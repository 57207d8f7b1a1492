"""
The health server as one of the systems, as ``openstack_ha_systems`` explains it.
"""

# It looks into the servers with accounts of its own.
SYSTEM = {
    "parts": {"health": {"roles": {"controller"}, "secrets": [("galera",), ("rabbitmq",)]}},
}
