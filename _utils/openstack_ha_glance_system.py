"""
Glance as one of the systems, as ``openstack_ha_systems`` explains it.
"""

FOLDER = "/etc/glance/openstack_ha"

SYSTEM = {
    "parts": {
        "glance": {
            "roles": {"image_server"},
            "reads": {"keystone", "memcached"},
            "secrets": [("galera",)],
        }
    },
    "schema": {
        "package": "glance-api",
        "user": "glance",
        "command": "glance-manage",
        "config": (f"{FOLDER}/glance-api.conf", f"{FOLDER}/openstack_ha-local.conf"),
        "migrations": "glance/db/sqlalchemy/alembic_migrations/versions",
        "sync": (("db", "sync"),),
        "expand": (("db", "expand"), ("db", "migrate")),
    },
    # A transfer that goes on longer is cut, as by a reload.
    "turns": {"glance": {"unit": "glance-api.service", "patience": 900, "row": "glance"}},
    "catalog": {
        "glance": {
            "name": "glance",
            "type": "image",
            "port": "glance:port",
            "path": "",
            "user": "glance",
        }
    },
    "vip": [
        # An image may take a while on its way to Swift, in which nobody says anything.
        {
            "name": "glance",
            "port": "glance:port",
            "mode": "http",
            "system": "glance",
            "timeout": 900,
            "large_bodies": True,
            "check": {"path": "/healthcheck"},
        }
    ],
}
