"""
The health server as one of the systems, as ``openstack_ha_systems`` explains it.
"""

import openstack_ha_option_types as option

OPTIONS = option.section(
    "the small server on each controller that HAProxy's checks ask",
    galera_port=option.port("port of the answer for Galera", 9200),
    rabbitmq_port=option.port("port of the answer for RabbitMQ", 9201),
    available_when_donor=option.boolean(
        "whether a Galera node that feeds a joiner serves on; mariabackup lets it", True
    ),
)

# It looks into the servers with accounts of its own.
SYSTEM = {
    "options": OPTIONS,
    "parts": {
        "health": {
            "roles": {"controller"},
            "secrets": [("galera",), ("rabbitmq",)],
            "units": [("health:socket_units", "")],
        }
    },
}
