"""
RabbitMQ as one of the systems, as ``openstack_ha_systems`` explains it.
"""

SYSTEM = {
    "parts": {"rabbitmq": {"roles": {"controller"}, "secrets": [("rabbitmq",)]}},
    "coordinated": ["rabbitmq"],
    # Its own drain ends what has been begun.
    "turns": {"rabbitmq": {"unit": "rabbitmq-server.service", "patience": 60}},
    "vip": [
        # A node in a partition or with an alarm takes no publishers; the check knows.
        {
            "name": "rabbitmq",
            "port": "rabbitmq:port",
            "balance": "leastconn",
            "long_lived": True,
            "check": {"port": "health:rabbitmq_port"},
            "only_if": {"rabbitmq:access": "vip"},
        }
    ],
}
