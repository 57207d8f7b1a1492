"""
Keystone as one of the systems, as ``openstack_ha_systems`` explains it.
"""

import openstack_ha_option_types as option

GRANT = {
    "type": "object",
    "required": ["role"],
    "additionalProperties": False,
    "properties": {
        "role": option.string("the role"),
        "user": option.string("who gets it"),
        "user_domain": option.string("the user's domain", default="Default"),
        "project": option.string("where; without it, the domain or the system"),
        "project_domain": option.string("the project's domain", default="Default"),
        "domain": option.string("a whole domain"),
        "system": {"enum": ["all"], "description": "the whole deployment"},
    },
}

OPTIONS = option.service(
    "Keystone on each controller",
    port=option.port("its port, and the VIP's", 5000),
    region=option.string(
        "the region's name", default="RegionOne", pattern=option.IDENTIFIER_PATTERN
    ),
    threads=option.integer("threads of each process", 8, 1, 256),
    token_expiration=option.integer("seconds for which a token is valid", 3600, 300, 604800),
    rotation_hours=option.integer(
        "hours between two rotations of the keys for tokens", 24, 1, 8760
    ),
    patience=option.integer("seconds that a state run waits for the master's word", 900, 30, 86400),
    prune=option.boolean("remove what the pillar made once and does not name any more", False),
    domains=option.mapping(
        "domains beside Default",
        option.entry(description=option.string("free text", default="")),
        keys=option.NAME_PATTERN,
        default={},
    ),
    projects=option.mapping(
        "projects by name",
        option.entry(
            domain=option.string("its domain", default="Default"),
            description=option.string("free text", default=""),
            enabled=option.boolean("whether it may be used", True),
        ),
        keys=option.NAME_PATTERN,
        default={},
    ),
    users=option.mapping(
        "users by name; each needs secrets:keystone:users:<name>",
        option.entry(
            domain=option.string("its domain", default="Default"),
            description=option.string("free text", default=""),
            email=option.string("an address", default=""),
            enabled=option.boolean("whether it may log in", True),
        ),
        keys=option.NAME_PATTERN,
        default={},
    ),
    roles={
        "type": "array",
        "description": "roles beside admin, member and reader",
        "items": {"type": "string", "pattern": option.NAME_PATTERN},
        "default": [],
        "uniqueItems": True,
    },
    assignments={
        "type": "array",
        "description": "who has which role where",
        "items": GRANT,
        "default": [],
    },
)

FOLDER = "/etc/keystone"

MASTERS_KEYS = option.secrets("keys by index; made by the master, not set", keys=r"^[0-9]+$")

SYSTEM = {
    "options": OPTIONS,
    "secrets": {
        "admin": option.secret("the first administrator's password"),
        "users": option.secrets("passwords by user", keys=option.NAME_PATTERN),
        "fernet_keys": MASTERS_KEYS,
        "credential_keys": MASTERS_KEYS,
        "options": option.SECRET_OPTIONS,
    },
    "parts": {
        "keystone": {
            "roles": {"controller"},
            "reads": {"memcached"},
            "secrets": [("galera",), ("keystone",)],
        },
        # Its objects: domains, projects, users, and the services of all others.
        "keystone.identity": {"roles": {"controller"}, "asks_vip": True},
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
            "at_once": "keystone",
            "timeout": 120,
            "check": {"path": "/healthcheck"},
            # Who asks for a token twice has two; nothing else has changed.
            "repeatable": ["/v3/auth/tokens"],
        }
    ],
}
