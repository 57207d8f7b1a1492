"""
memcached as one of the systems, as ``openstack_ha_systems`` explains it.
"""

SYSTEM = {"parts": {"memcached": {"roles": {"controller", "proxy"}}}}
