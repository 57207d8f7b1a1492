"""
memcached as one of the systems, as ``openstack_ha_systems`` explains it.
"""

import openstack_ha_option_types as option

OPTIONS = option.section(
    "memcached on each controller and each proxy",
    port=option.port("the port on the node's address", 11211),
    memory=option.integer("megabytes of content", 256, 16, 65536),
    connections=option.integer("client connections", 4096, 64, 65536),
)

SYSTEM = {
    "options": OPTIONS,
    "parts": {"memcached": {"roles": {"controller", "proxy"}}},
    # Its clients go on without it, and ask the others.
    "turns": {"memcached": {"unit": "memcached.service", "patience": 0}},
}
