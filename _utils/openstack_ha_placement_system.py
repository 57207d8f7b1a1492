"""
Placement as one of the systems, as ``openstack_ha_systems`` explains it.
"""

FOLDER = "/etc/placement"

SYSTEM = {
    "parts": {
        "placement": {
            "roles": {"controller"},
            "reads": {"keystone", "memcached"},
            "secrets": [("galera",)],
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
    "turns": {"placement": {"unit": "placement-api.service", "patience": 60}},
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
            "timeout": 120,
            "check": {"path": "/healthcheck"},
        }
    ],
}
