"""
Placement as one of the systems, as ``openstack_ha_systems`` explains it.
"""

import openstack_ha_option_types as option

OPTIONS = option.service(
    "Placement on each controller",
    port=option.port("its port, and the VIP's", 8778),
    threads=option.integer("threads of each process", 8, 1, 256),
    patience=option.integer("seconds that a state run waits for the master's word", 900, 30, 86400),
)

FOLDER = "/etc/placement"

SYSTEM = {
    "options": OPTIONS,
    "secrets": {"options": option.SECRET_OPTIONS},
    "parts": {
        "placement": {
            "roles": {"controller"},
            "reads": {"keystone", "memcached"},
            "secrets": [("galera",), ("placement",)],
        }
    },
    "schema": {
        "package": "placement-api",
        "user": "placement",
        "command": "placement-manage",
        "config": (f"{FOLDER}/placement.conf", f"{FOLDER}/openstack_ha-local.conf"),
        "migrations": "placement/db/sqlalchemy/alembic/versions",
        # They only add, so an older Placement serves on meanwhile.
        "is_linear": True,
        "sync": (("db", "sync"),),
        "expand": (("db", "sync"), ("db", "online_data_migrations")),
    },
    "turns": {"placement": {"unit": "placement-api.service", "patience": 60, "row": "placement"}},
    "catalog": {
        "placement": {
            "name": "placement",
            "type": "placement",
            "port": "placement:port",
            "path": "",
            "user": "placement",
        }
    },
    "vip": [
        {
            "name": "placement",
            "port": "placement:port",
            "mode": "http",
            "at_once": "placement",
            "timeout": 120,
            "check": {"path": "/healthcheck"},
        }
    ],
}
