"""
Notes as one of the systems, as ``openstack_ha_systems`` explains it.
"""

import openstack_ha_option_types as option

OPTIONS = option.service(
    "notes on each controller",
    port=option.port("its port, and the VIP's", 9797),
    threads=option.integer("threads of each process", 8, 1, 256),
    patience=option.integer("seconds that a state run waits for the master's word", 900, 30, 86400),
)

FOLDER = "/etc/notes"

SYSTEM = {
    "options": OPTIONS,
    "parts": {
        "notes": {
            "roles": {"controller"},
            "reads": {"keystone", "memcached"},
            "secrets": [("galera",)],
        }
    },
    "schema": {
        "package": "notes-api",
        "user": "notes",
        "command": "notes-manage",
        "config": (f"{FOLDER}/notes.conf", f"{FOLDER}/openstack_ha-local.conf"),
        "migrations": "notes/migrations/versions",
        "sync": (("sync",),),
        "expand": (("expand",),),
    },
    "turns": {"notes": {"unit": "notes-api.service", "patience": 60, "row": "notes"}},
    "catalog": {
        "notes": {
            "name": "notes",
            "type": "notes",
            "port": "notes:port",
            "path": "/v1",
            "user": "notes",
        }
    },
    "vip": [
        {
            "name": "notes",
            "port": "notes:port",
            "mode": "http",
            "at_once": "notes",
            "timeout": 120,
            "check": {"path": "/healthcheck"},
        }
    ],
}
