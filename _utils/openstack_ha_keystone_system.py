"""
Keystone as one of the systems, as ``openstack_ha_systems`` explains it.
"""

FOLDER = "/etc/keystone"

SYSTEM = {
    "parts": {
        "keystone": {
            "roles": {"controller"},
            "reads": {"memcached"},
            "secrets": [("galera",), ("keystone",)],
        },
        # Its objects: domains, projects, users, and the services of all others.
        "keystone.identity": {"roles": {"controller"}},
    },
    "coordinated": ["keystone"],
    "schema": {
        "package": "keystone",
        "user": "keystone",
        "command": "keystone-manage",
        "config": (f"{FOLDER}/keystone.conf", f"{FOLDER}/openstack_ha-local.conf"),
        "migrations": "keystone/common/sql/migrations/versions",
        "sync": (("db_sync",),),
        "expand": (("db_sync", "--expand"), ("db_sync", "--migrate")),
    },
    "turns": {"keystone": {"unit": "keystone.service", "patience": 60, "row": "keystone"}},
    "catalog": {
        "keystone": {
            "name": "keystone",
            "type": "identity",
            "port": "keystone:port",
            "path": "/v3",
        }
    },
    "vip": [
        {
            "name": "keystone",
            "port": "keystone:port",
            "mode": "http",
            "timeout": 120,
            "check": {"path": "/healthcheck"},
        }
    ],
}
