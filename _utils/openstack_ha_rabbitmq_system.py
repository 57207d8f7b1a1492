"""
RabbitMQ as one of the systems, as ``openstack_ha_systems`` explains it.
"""

import openstack_ha_option_types as option

OPTIONS = option.section(
    "the message broker on each controller",
    port=option.port("AMQP port, on the nodes' addresses and on the VIP", 5672),
    management_port=option.port("port of the management API", 15672),
    queues={
        "enum": ["auto", "mirrored", "quorum"],
        "description": "how queues survive a node: classic mirroring, quorum queues, or the best "
        "that the broker and the OpenStack release support",
        "default": "auto",
    },
    access={
        "enum": ["vip", "direct"],
        "description": "how services reach the brokers: through the VIP or by a list of hosts",
        "default": "vip",
    },
    net_ticktime=option.integer("seconds until a silent broker counts as gone", 5, 4, 300),
    memory_high_watermark=option.number(
        "share of the node's memory that blocks publishers", 0.4, 0.05, 1
    ),
    vhosts={
        "type": "array",
        "description": "virtual hosts",
        "items": {"type": "string", "minLength": 1},
        "default": ["/"],
        "minItems": 1,
        "uniqueItems": True,
    },
    users=option.mapping(
        "users beside the formula's own; each needs secrets:rabbitmq:users:<name>",
        {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "tags": {
                    "type": "array",
                    "description": "RabbitMQ's user tags",
                    "items": {
                        "enum": [
                            "administrator",
                            "monitoring",
                            "policymaker",
                            "management",
                            "impersonator",
                        ]
                    },
                    "default": [],
                    "uniqueItems": True,
                },
                "vhosts": {
                    "type": "object",
                    "description": "permissions by vhost",
                    "default": {},
                    "additionalProperties": option.section(
                        "regular expressions of resource names",
                        configure=option.string("may be declared", default=".*"),
                        write=option.string("may be written to", default=".*"),
                        read=option.string("may be read from", default=".*"),
                    ),
                },
            },
        },
        default={"openstack": {"vhosts": {"/": {}}}},
    ),
    policies=option.mapping(
        "policies beside the formula's own",
        {
            "type": "object",
            "required": ["pattern", "definition"],
            "additionalProperties": False,
            "properties": {
                "vhost": option.string("the policy's virtual host", default="/"),
                "pattern": option.string("regular expression of the names it is for"),
                "definition": {"type": "object", "minProperties": 1},
                "priority": option.integer("the highest one that matches wins", 0, 0, 1000),
                "apply_to": {
                    "enum": ["all", "queues", "exchanges"],
                    "default": "all",
                },
            },
        },
        default={},
    ),
)

SYSTEM = {
    "options": OPTIONS,
    "secrets": {
        "erlang_cookie": option.secret("what makes brokers one cluster"),
        "users": option.secrets("passwords by user"),
    },
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
