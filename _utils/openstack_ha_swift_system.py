"""
Swift as one of the systems, as ``openstack_ha_systems`` explains it.
"""

import openstack_ha_option_types as option
import openstack_ha_swift_options

HASH_PATH = [("swift", "hash_path_prefix"), ("swift", "hash_path_suffix")]
PLACE = "part of every object's place; another one loses them all"

SYSTEM = {
    "options": openstack_ha_swift_options.OPTIONS,
    "node": {"storage": openstack_ha_swift_options.STORAGE},
    "secrets": {
        "hash_path_prefix": option.secret(PLACE),
        "hash_path_suffix": option.secret(PLACE),
        "users": option.secrets("passwords by tempauth's user"),
        "proxy": option.entry(options=option.SECRET_OPTIONS),
    },
    "parts": {
        "swift.rings": {"roles": {"rings_owner"}, "secrets": HASH_PATH},
        "swift.storage": {
            "roles": {"storage"},
            "secrets": HASH_PATH,
            "programs": "storage",
            "units": [("swift_storage:rsync_service", ""), ("swift_storage:drive_audit", ".timer")],
        },
        "swift.proxy": {
            "roles": {"proxy"},
            "programs": "proxy",
            "reads": {"keystone"},
            "secrets": [
                *HASH_PATH,
                ("keystone", "users", "swift"),
                ("swift", "users"),
                ("swift", "proxy"),
            ],
        },
    },
    "coordinated": ["swift.rings", "swift.storage", "swift.proxy"],
    "turns": {
        # So long do proxies keep away from one that has failed (error_suppression_interval).
        "swift.storage": {"patience": 0, "reloads": True, "zones": "storage", "settles": 10},
        "swift.proxy": {"patience": 900, "row": "swift", "reloads": True},
    },
    "catalog": {
        "swift.proxy": {
            "name": "swift",
            "type": "object-store",
            "port": "swift:proxy:port",
            "path": "/v1/AUTH_%(project_id)s",
            "user": "swift",
            "only_if": ("swift:auth", "keystone"),
        }
    },
    "vip": [
        # A proxy that stalls keeps its clients for a minute; an object may take as long as it
        # likes.
        {
            "name": "swift",
            "port": "swift:proxy:port",
            "mode": "http",
            "system": "swift.proxy",
            "timeout": 120,
            "large_bodies": True,
            "check": {"path": "/healthcheck"},
        }
    ],
}
