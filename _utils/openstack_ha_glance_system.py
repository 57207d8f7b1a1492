"""
Glance as one of the systems, as ``openstack_ha_systems`` explains it.
"""

import openstack_ha_option_types as option

OPTIONS = option.service(
    "Glance on each controller, where the cluster has proxies of Swift",
    port=option.port("its port, and the VIP's", 9292),
    threads=option.integer("threads of each process", 8, 1, 256),
    cache_size=option.integer(
        "GB of images that each controller keeps at hand; 0 is none", 0, 0, 10**6
    ),
    patience=option.integer("seconds that a state run waits for the master's word", 900, 30, 86400),
)

FOLDER = "/etc/glance/openstack_ha"

SYSTEM = {
    "options": OPTIONS,
    "secrets": {"options": option.SECRET_OPTIONS},
    "parts": {
        "glance": {
            "roles": {"image_server"},
            "reads": {"keystone", "memcached", "horizon"},
            "secrets": [("galera",), ("glance",)],
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
            "at_once": "glance",
            "system": "glance",
            "timeout": 900,
            "large_bodies": True,
            "check": {"path": "/healthcheck"},
        }
    ],
}
