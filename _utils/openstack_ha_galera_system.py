"""
MariaDB Galera as one of the systems, as ``openstack_ha_systems`` explains it.
"""

import openstack_ha_galera_provider
import openstack_ha_option_types as option

# MariaDB reads no further than a # or a quote, and the provider's options end with a semicolon.
VALUE = {
    **option.VALUE,
    "allOf": [
        {
            "pattern": r"^[^#;'\"\\]*$",
            "fault": "is cut by MariaDB at one of # ; ' \" \\; take a value without them",
        }
    ],
}

NO_PROVIDERS = "{0!r} is no option of Galera's, and no server would start with it"

OPTIONS = option.section(
    "MariaDB Galera on each controller",
    port=option.port("the server's port, on the nodes' addresses and on the VIP", 3306),
    extra_port=option.port("port that still answers when max_connections are in use", 3307),
    max_connections=option.integer("client connections", 4096, 10, 100000),
    buffer_pool=option.string(
        "InnoDB's buffer pool: a size (512M, 8G), or a share of the node's memory (25%)",
        default="25%",
        pattern=r"^([1-9][0-9]*[MG]|[1-9][0-9]?%)$",
    ),
    gcache_size=option.string(
        "ring buffer of write sets; a node away for less than this comes back without an SST",
        default="1G",
        pattern=r"^[1-9][0-9]*[MG]$",
    ),
    provider_options=option.mapping(
        "wsrep_provider_options to add or to replace, one key an option",
        VALUE,
        keys={"enum": openstack_ha_galera_provider.NAMES, "fault": NO_PROVIDERS},
        default={},
    ),
    server_options=option.mapping(
        "options of [mysqld] to add or to replace",
        option.several(VALUE),
        # With a dash it would be another name for the same option, and lose to the formula's own.
        keys=r"^[A-Za-z][A-Za-z0-9_]*$",
        default={},
    ),
    patience=option.integer(
        "seconds that a state run waits for the master's word and for its server to be Synced; "
        "a transfer that moves is waited for beyond that",
        900,
        30,
        86400,
    ),
    accounts=option.mapping(
        "accounts beside the formula's own; each needs secrets:galera:accounts:<name>",
        {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "databases": {
                    "type": "array",
                    "description": "databases to create, of which the account has all rights",
                    "items": {"type": "string", "pattern": r"^[a-z][a-z0-9_]{0,63}$"},
                    "default": [],
                    "uniqueItems": True,
                },
            },
        },
        default={},
    ),
)

SYSTEM = {
    "options": OPTIONS,
    "secrets": {"accounts": option.secrets("passwords by account")},
    "parts": {"galera": {"roles": {"controller"}, "secrets": [("galera",)]}},
    "coordinated": ["galera"],
    "vip": [
        # One writer: the first controller. Writers on several nodes meet in deadlocks that
        # OpenStack's services do not expect; readers gain little, for the working set is small.
        {
            "name": "mysql",
            "port": "galera:port",
            "single_writer": True,
            "long_lived": True,
            "check": {"port": "health:galera_port"},
        }
    ],
}
