"""
MariaDB Galera as one of the systems, as ``openstack_ha_systems`` explains it.
"""

SYSTEM = {
    "parts": {"galera": {"roles": {"controller"}, "secrets": [("galera",)]}},
    "coordinated": ["galera"],
    "vip": [
        # One writer: the first controller. Writers on several nodes meet in deadlocks that
        # OpenStack's services do not expect; readers gain little, for the working set is small.
        {
            "name": "mysql",
            "port": "galera:port",
            "single_writer": True,
            "long_lived": True,
            "check": {"port": "health:galera_port"},
        }
    ],
}
