"""
The schema of the cluster file: every key, its meaning, its default.

One table serves the check on the master, the defaults that SLS files see and the pillar
reference in the documentation. Rules that need more than one key (addresses, counts, secrets)
stand in ``openstack_ha_cluster``.
"""

import copy

ROLES = ("controller", "proxy", "compute", "storage")

# Printable, and inert in every file a secret is written to (INI, YAML, HAProxy, Erlang, URL).
SECRET_PATTERN = r"^[A-Za-z0-9_.~+=-]{12,128}$"
CERTIFICATE_PATTERN = (
    r"^(-----BEGIN CERTIFICATE-----\n[A-Za-z0-9+/=\n]+-----END CERTIFICATE-----\n*)+$"
)
KEY_PATTERN = (
    r"^-----BEGIN (RSA |EC )?PRIVATE KEY-----\n"
    r"[A-Za-z0-9+/=\n]+-----END (RSA |EC )?PRIVATE KEY-----\n*$"
)
IDENTIFIER_PATTERN = r"^[A-Za-z][A-Za-z0-9_-]{0,31}$"
# What Keystone's objects are called; inert in headers and paths.
NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9_.@-]{0,63}$"
HOST_LABEL_PATTERN = r"^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$"
DEVICE_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$"
RING_PATTERN = r"^(account|container|object(-[1-9][0-9]*)?)$"
# What Swift allows in the name of a storage policy, which stands in HTTP headers.
POLICY_PATTERN = r"^[A-Za-z0-9-]{1,64}$"


def _string(description, **more):
    return {"type": "string", "description": description, **more}


def _integer(description, default, minimum, maximum):
    """An integer; it has no default when ``default`` is None."""
    schema = {
        "type": "integer",
        "description": description,
        "minimum": minimum,
        "maximum": maximum,
    }
    return schema if default is None else {**schema, "default": default}


def _number(description, default, minimum, maximum):
    return {**_integer(description, default, minimum, maximum), "type": "number"}


def _port(description, default):
    return _integer(description, default, 1, 65535)


def _boolean(description, default):
    return {"type": "boolean", "description": description, "default": default}


def _section(description, **properties):
    """An option section: optional as a whole, and so is each of its keys."""
    return {
        "type": "object",
        "description": description,
        "default": {},
        "additionalProperties": False,
        "properties": properties,
    }


def _mapping(description, values, keys=IDENTIFIER_PATTERN, default=None):
    """A mapping whose keys the user chooses; it has no default when ``default`` is None."""
    schema = {
        "type": "object",
        "description": description,
        "propertyNames": {"pattern": keys},
        "additionalProperties": values,
    }
    if default is not None:
        schema["default"] = default
    return schema


SECRET = _string("a secret", pattern=SECRET_PATTERN)

NETWORK = {
    "type": "object",
    "description": "the cluster's networks",
    "required": ["management"],
    "additionalProperties": False,
    "properties": {
        "management": _string("the network of the nodes' addresses and of the VIP, as a CIDR"),
    },
}

VIP = {
    "type": "object",
    "description": "the one virtual address that everybody uses",
    "required": ["address"],
    "additionalProperties": False,
    "properties": {
        "address": _string("the address; a free one of network:management"),
        "fqdn": _string("the name that users and services use for the address"),
        "interface": _string(
            "the interface that carries the VIP; default: the one that has the node's address"
        ),
        "router_id": _integer(
            "VRRP virtual router id; unique among the VRRP speakers of the segment", 51, 1, 255
        ),
        "prefixlen": {
            "type": "integer",
            "description": "prefix length of network:management; worked out, not set",
            "minimum": 8,
            "maximum": 128,
        },
    },
}

STORAGE = {
    "type": "object",
    "description": "where a node of the role storage stands, and its devices in Swift's rings",
    "required": ["zone"],
    "additionalProperties": False,
    "properties": {
        "region": _integer("the region; the zones of a region share a site", 1, 1, 65535),
        "zone": _integer("what fails together: a rack, a feed, a room", None, 1, 65535),
        "replication_address": _string("address for replication; default: the node's address"),
        "devices": _mapping(
            "devices by the name of their mount point",
            {
                "type": "object",
                "additionalProperties": False,
                "properties": {
                    "path": _string("the block device; default: /dev/<name>", pattern="^/dev/.+$"),
                    "weight": _number(
                        "share of the parts; by size, such as 4000 for 4 TB", 100, 0, 1e9
                    ),
                    "meta": _string("free text, such as the serial number", default=""),
                    "failed": _boolean(
                        "the device is dead: it leaves the rings at once, undrained", False
                    ),
                    "rings": {
                        "type": "array",
                        "description": "the rings it belongs to; default: all of them",
                        "items": {"type": "string", "pattern": RING_PATTERN},
                        "uniqueItems": True,
                    },
                },
            },
            keys=DEVICE_PATTERN,
            default={},
        ),
    },
}

NODE = {
    "type": "object",
    "description": "one node, or several by ranges: ctl[1-3] with 10.0.0.11-13",
    "required": ["address", "roles"],
    "additionalProperties": False,
    "properties": {
        "address": _string("the node's address in network:management, or a range 10.0.0.11-13"),
        "roles": {
            "type": "array",
            "description": "what the node does",
            "items": {"enum": list(ROLES)},
            "minItems": 1,
            "uniqueItems": True,
        },
        "hostname": _string(
            "the node's short name; default: its minion id up to the first dot",
            pattern=HOST_LABEL_PATTERN,
        ),
        "interface": _string("the interface that has the address; default: looked up"),
        "storage": STORAGE,
    },
}

KEEPALIVED = _section(
    "the VIP's keeper",
    advert_interval=_number(
        "seconds between VRRP adverts; a host that stalls for three of them loses the VIP",
        0.1,
        0.05,
        10,
    ),
    garp_refresh=_integer(
        "seconds between gratuitous ARPs of the holder, against stale ARP tables", 10, 0, 3600
    ),
    startup_delay=_number(
        "seconds without taking part in elections after keepalived starts, for bonds and "
        "switches that pass no traffic yet",
        5,
        0,
        300,
    ),
    check_interval=_integer("seconds between two looks at HAProxy's socket", 1, 1, 60),
    check_fall=_integer("failed looks until the node leaves the VIP", 2, 1, 60),
    check_rise=_integer("good looks until the node may hold the VIP", 2, 1, 60),
)

HAPROXY = _section(
    "the load balancer on each controller",
    maxconn=_integer("connections of the whole process", 10000, 100, 1000000),
    stats_port=_port("port of the statistics page and of /metrics", 8404),
    stats_user=_string("user of the statistics page", default="admin", pattern=IDENTIFIER_PATTERN),
    timeouts=_section(
        "time-outs of every front and back end",
        connect=_integer(
            "milliseconds for a TCP connect to a server; short, since every server is near",
            250,
            50,
            60000,
        ),
        client=_integer("seconds of a client's silence on SQL and AMQP", 3600, 1, 86400),
        server=_integer("seconds of a server's silence on SQL and AMQP", 3600, 1, 86400),
        queue=_integer("seconds in the queue for a server", 60, 1, 3600),
        check=_integer("seconds for a health check's answer", 1, 1, 60),
        http_request=_integer("seconds for a whole HTTP request head", 10, 1, 600),
        hard_stop=_integer(
            "seconds that connections may outlive a reload of the configuration",
            3600,
            1,
            86400,
        ),
    ),
    check=_section(
        "health checks of the servers",
        interval=_integer("milliseconds between checks of a server that is up", 500, 100, 60000),
        fast_interval=_integer("milliseconds while a server changes its state", 100, 50, 60000),
        rise=_integer("good checks until a server is up", 2, 1, 20),
        fall=_integer("failed checks until a server is down", 2, 1, 20),
    ),
)

GALERA = _section(
    "MariaDB Galera on each controller",
    port=_port("the server's port, on the nodes' addresses and on the VIP", 3306),
    extra_port=_port("port that still answers when max_connections are in use", 3307),
    max_connections=_integer("client connections", 4096, 10, 100000),
    buffer_pool=_string(
        "InnoDB's buffer pool: a size (512M, 8G), or a share of the node's memory (25%)",
        default="25%",
        pattern=r"^([1-9][0-9]*[MG]|[1-9][0-9]?%)$",
    ),
    gcache_size=_string(
        "ring buffer of write sets; a node away for less than this comes back without an SST",
        default="1G",
        pattern=r"^[1-9][0-9]*[MG]$",
    ),
    provider_options=_mapping(
        "wsrep_provider_options to add or to replace, one key an option",
        {"type": ["string", "number"]},
        keys=r"^[a-z0-9_.]+$",
        default={},
    ),
    server_options=_mapping(
        "options of [mysqld] to add or to replace",
        {"type": ["string", "number"]},
        keys=r"^[A-Za-z0-9_-]+$",
        default={},
    ),
    patience=_integer(
        "seconds that a state run waits for the master's word and for its server to be Synced; "
        "a transfer that moves is waited for beyond that",
        900,
        30,
        86400,
    ),
    accounts=_mapping(
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

RABBITMQ = _section(
    "the message broker on each controller",
    port=_port("AMQP port, on the nodes' addresses and on the VIP", 5672),
    management_port=_port("port of the management API", 15672),
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
    net_ticktime=_integer("seconds until a silent broker counts as gone", 5, 4, 300),
    memory_high_watermark=_number(
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
    users=_mapping(
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
                    "additionalProperties": _section(
                        "regular expressions of resource names",
                        configure=_string("may be declared", default=".*"),
                        write=_string("may be written to", default=".*"),
                        read=_string("may be read from", default=".*"),
                    ),
                },
            },
        },
        default={"openstack": {"vhosts": {"/": {}}}},
    ),
    policies=_mapping(
        "policies beside the formula's own",
        {
            "type": "object",
            "required": ["pattern", "definition"],
            "additionalProperties": False,
            "properties": {
                "vhost": _string("the policy's virtual host", default="/"),
                "pattern": _string("regular expression of the names it is for"),
                "definition": {"type": "object", "minProperties": 1},
                "priority": _integer("the highest one that matches wins", 0, 0, 1000),
                "apply_to": {
                    "enum": ["all", "queues", "exchanges"],
                    "default": "all",
                },
            },
        },
        default={},
    ),
)

HEALTH = _section(
    "the small server on each controller that HAProxy's checks ask",
    galera_port=_port("port of the answer for Galera", 9200),
    rabbitmq_port=_port("port of the answer for RabbitMQ", 9201),
    available_when_donor=_boolean(
        "whether a Galera node that feeds a joiner serves on; mariabackup lets it", True
    ),
)


def _ring(description, port):
    return _section(
        description,
        part_power=_integer("2 to this power parts; for the ring's whole life", 14, 1, 32),
        replicas=_number("copies of each part; 3.25 gives a quarter of the parts a 4th", 3, 1, 32),
        min_part_hours=_integer(
            "hours between two moves of a part; longer than a whole pass of replication", 24, 0, 255
        ),
        overload=_number(
            "share that a device may hold beyond its weight, to keep replicas apart", 0.1, 0, 10
        ),
        ramp=_number("share of a device's weight that one run may give or take", 0.25, 0.01, 1),
        max_dispersion=_number(
            "percentage of replicas too near to each other that a change may bring about", 5, 0, 100
        ),
        allow_fewer_zones=_boolean(
            "accept fewer zones than replicas, so that a zone has two of a part", False
        ),
        wait_for_replication=_boolean(
            "move parts only when every node has replicated since the last move", True
        ),
        port=_port("port of the servers", port),
        replication_port=_integer("port for replication; default: port", None, 1, 65535),
    )


OPTIONS = _mapping(
    "options of a configuration file over the formula's own, by section",
    _mapping("options of a section", {"type": ["string", "number", "boolean"]}, keys=r"^\S+$"),
    keys=r"^[A-Za-z0-9_:-]+$",
    default={},
)


def _server(description, **more):
    return _section(
        description,
        **more,
        workers={
            "description": "processes; auto is one a core",
            "anyOf": [{"enum": ["auto"]}, {"type": "integer", "minimum": 1, "maximum": 256}],
            "default": "auto",
        },
        options=OPTIONS,
    )


POLICY = {
    "type": "object",
    "description": "a storage policy; the objects of index 1 stand in the ring object-1",
    "required": ["index"],
    "additionalProperties": False,
    "properties": {
        "index": _integer("its number in the rings, for ever", None, 0, 999),
        "is_default": _boolean("whether new containers get it when nobody says which", False),
        "is_deprecated": _boolean("whether no new container may get it", False),
        "aliases": {
            "type": "array",
            "description": "further names",
            "items": {"type": "string", "pattern": POLICY_PATTERN},
            "default": [],
            "uniqueItems": True,
        },
    },
}

SWIFT = _section(
    "Swift; the devices stand at the nodes",
    owner=_string("the node that builds the rings; default: the first with the role storage"),
    rings={
        "type": "object",
        "description": "the rings; object-1 and so on are those of storage policies",
        "default": {},
        "propertyNames": {"pattern": RING_PATTERN},
        "properties": {
            "account": _ring("the accounts' ring", 6202),
            "container": _ring("the containers' ring", 6201),
            "object": _ring("the objects' ring of policy 0", 6200),
        },
        "additionalProperties": _ring("an objects' ring", 6200),
    },
    policies=_mapping(
        "storage policies by name",
        POLICY,
        keys=POLICY_PATTERN,
        default={"Policy-0": {"index": 0, "is_default": True}},
    ),
    auth={
        "enum": ["keystone", "tempauth"],
        "description": "who says who a user is; tempauth keeps users in the proxies' own files, "
        "and leaves Glance without a place for images",
        "default": "keystone",
    },
    users=_mapping(
        "tempauth's users; each needs secrets:swift:users:<name>",
        {
            "type": "object",
            "required": ["account"],
            "additionalProperties": False,
            "properties": {
                "account": _string("the user's account", pattern=IDENTIFIER_PATTERN),
                "groups": {
                    "type": "array",
                    "description": "groups such as .admin, who may do all in the account",
                    "items": {"type": "string", "pattern": r"^[A-Za-z0-9_.-]+$"},
                    "default": [],
                    "uniqueItems": True,
                },
            },
        },
        default={},
    ),
    patience=_integer("seconds that a state run waits for the rings", 900, 30, 86400),
    keep_copies=_boolean(
        "change a builder only when the master has a copy of it as it is; without a master: false",
        True,
    ),
    devices=_section(
        "how devices become directories of the servers",
        root=_string("where they are mounted", default="/srv/node", pattern="^/.+$"),
        kind={
            "enum": ["disks", "directories"],
            "description": "disks are formatted when blank, and mounted; directories are for "
            "trials, and fill the disk that they lie on",
            "default": "disks",
        },
        filesystem={
            "enum": ["xfs", "ext4"],
            "description": "what a blank disk is formatted with",
            "default": "xfs",
        },
        # Where Ceph warns, too (mon_osd_nearfull_ratio).
        nearly_full=_integer("percent in use from which the status warns", 85, 1, 100),
    ),
    rsync=_section(
        "the daemon that replication copies files with",
        port=_port("its port, on the address for replication", 873),
        max_connections=_integer("connections a device", 8, 1, 1000),
    ),
    proxy=_server("the proxy servers", port=_port("their port, and the VIP's", 8080)),
    account=_server("the account servers"),
    container=_server("the container servers"),
    object=_server("the object servers"),
    drive_audit=_section("the look for the disks' errors in the kernel's log", options=OPTIONS),
)

MEMCACHED = _section(
    "memcached on each controller and each proxy",
    port=_port("the port on the node's address", 11211),
    memory=_integer("megabytes of content", 256, 16, 65536),
    connections=_integer("client connections", 4096, 64, 65536),
)


def _object(**properties):
    """One of many objects of the user's; each of its keys is optional."""
    return {"type": "object", "additionalProperties": False, "properties": properties}


GRANT = {
    "type": "object",
    "required": ["role"],
    "additionalProperties": False,
    "properties": {
        "role": _string("the role"),
        "user": _string("who gets it"),
        "user_domain": _string("the user's domain", default="Default"),
        "project": _string("where; without it, the domain or the system"),
        "project_domain": _string("the project's domain", default="Default"),
        "domain": _string("a whole domain"),
        "system": {"enum": ["all"], "description": "the whole deployment"},
    },
}

KEYSTONE = _server(
    "Keystone on each controller",
    port=_port("its port, and the VIP's", 5000),
    region=_string("the region's name", default="RegionOne", pattern=IDENTIFIER_PATTERN),
    threads=_integer("threads of each process", 8, 1, 256),
    token_expiration=_integer("seconds for which a token is valid", 3600, 300, 604800),
    rotation_hours=_integer("hours between two rotations of the keys for tokens", 24, 1, 8760),
    patience=_integer("seconds that a state run waits for the master's word", 900, 30, 86400),
    prune=_boolean("remove what the pillar made once and does not name any more", False),
    domains=_mapping(
        "domains beside Default",
        _object(description=_string("free text", default="")),
        keys=NAME_PATTERN,
        default={},
    ),
    projects=_mapping(
        "projects by name",
        _object(
            domain=_string("its domain", default="Default"),
            description=_string("free text", default=""),
            enabled=_boolean("whether it may be used", True),
        ),
        keys=NAME_PATTERN,
        default={},
    ),
    users=_mapping(
        "users by name; each needs secrets:keystone:users:<name>",
        _object(
            domain=_string("its domain", default="Default"),
            description=_string("free text", default=""),
            email=_string("an address", default=""),
            enabled=_boolean("whether it may log in", True),
        ),
        keys=NAME_PATTERN,
        default={},
    ),
    roles={
        "type": "array",
        "description": "roles beside admin, member and reader",
        "items": {"type": "string", "pattern": NAME_PATTERN},
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

TLS = _section(
    "TLS on the VIP, for all that speaks HTTP there",
    plain_http=_boolean("no TLS: passwords and tokens go over the network as they are", False),
    certificate=_string(
        "the certificate for vip:fqdn in PEM, followed by those between it and the authority's",
        pattern=CERTIFICATE_PATTERN,
    ),
    ca=_string(
        "the authority's certificate in PEM, where the nodes do not believe it anyway",
        pattern=CERTIFICATE_PATTERN,
    ),
)

GLANCE = _server(
    "Glance on each controller, where the cluster has proxies of Swift",
    port=_port("its port, and the VIP's", 9292),
    threads=_integer("threads of each process", 8, 1, 256),
    cache_size=_integer("GB of images that each controller keeps at hand; 0 is none", 0, 0, 10**6),
    patience=_integer("seconds that a state run waits for the master's word", 900, 30, 86400),
)

PLACEMENT = _server(
    "Placement on each controller",
    port=_port("its port, and the VIP's", 8778),
    threads=_integer("threads of each process", 8, 1, 256),
    patience=_integer("seconds that a state run waits for the master's word", 900, 30, 86400),
)

HASH_PATH = "part of every object's place; another one loses them all"

MASTERS_KEYS = _mapping("keys by index; made by the master, not set", SECRET, keys=r"^[0-9]+$")

SECRETS = {
    "type": "object",
    "description": "every secret; give the file to Salt's gpg, vault or sdb renderers",
    "default": {},
    "additionalProperties": False,
    "properties": {
        "haproxy": {
            "type": "object",
            "additionalProperties": False,
            "properties": {"stats": {**SECRET, "description": "the statistics page's password"}},
        },
        "galera": {
            "type": "object",
            "additionalProperties": False,
            "properties": {"accounts": _mapping("passwords by account", SECRET)},
        },
        "rabbitmq": {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "erlang_cookie": {**SECRET, "description": "what makes brokers one cluster"},
                "users": _mapping("passwords by user", SECRET),
            },
        },
        "tls": {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "key": {
                    "type": "string",
                    "pattern": KEY_PATTERN,
                    "description": "the private key of tls:certificate in PEM, without a password",
                }
            },
        },
        "keystone": {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "admin": {**SECRET, "description": "the first administrator's password"},
                "users": _mapping("passwords by user", SECRET, keys=NAME_PATTERN),
                "fernet_keys": MASTERS_KEYS,
                "credential_keys": MASTERS_KEYS,
            },
        },
        "swift": {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "hash_path_prefix": {**SECRET, "description": HASH_PATH},
                "hash_path_suffix": {**SECRET, "description": HASH_PATH},
                "users": _mapping("passwords by tempauth's user", SECRET),
            },
        },
    },
}

SCHEMA = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "required": ["name", "network", "vip", "nodes"],
    "additionalProperties": False,
    "properties": {
        "name": _string("the cluster's name; part of event tags", pattern=IDENTIFIER_PATTERN),
        "release": {
            "enum": ["zed"],
            "description": "the OpenStack release; zed is Debian 12's",
            "default": "zed",
        },
        "allow_even_controllers": _boolean(
            "accept an even number of controllers, which a split down the middle stops as a whole",
            False,
        ),
        "network": NETWORK,
        "vip": VIP,
        "tls": TLS,
        "nodes": {
            "type": "object",
            "description": "minion id -> node",
            "minProperties": 1,
            "additionalProperties": NODE,
        },
        "keepalived": KEEPALIVED,
        "haproxy": HAPROXY,
        "galera": GALERA,
        "rabbitmq": RABBITMQ,
        "health": HEALTH,
        "memcached": MEMCACHED,
        "keystone": KEYSTONE,
        "glance": GLANCE,
        "placement": PLACEMENT,
        "swift": SWIFT,
        "secrets": SECRETS,
        "view_of": _string("the minion whose view this is; set by the master, not by hand"),
    },
}


def with_defaults(data, schema=None):
    """
    Return a copy of ``data`` in which every missing key has its default.

    data
        The value; anything that the schema describes.

    schema
        The schema of ``data``; default: the cluster file's.
    """
    schema = SCHEMA if schema is None else schema
    if isinstance(data, list):
        return [with_defaults(item, schema.get("items", {})) for item in data]
    if not isinstance(data, dict):
        return copy.deepcopy(data)
    properties = schema.get("properties", {})
    others = schema.get("additionalProperties")
    filled = {
        key: with_defaults(value, properties.get(key, others if isinstance(others, dict) else {}))
        for key, value in data.items()
    }
    for key, sub in properties.items():
        if key not in filled and "default" in sub:
            filled[key] = with_defaults(sub["default"], sub)
    return filled


def faults(data):
    """
    Return every fault of ``data`` against the schema as ``{"path": [..], "text": ".."}``.

    data
        The cluster file's content under the key ``openstack_ha``.

    Secrets are named by path only, never by value. Needs the package jsonschema.
    """
    import jsonschema

    validator = jsonschema.Draft202012Validator(SCHEMA)
    return [
        {"path": list(error.absolute_path), "text": _text(error)}
        for error in sorted(validator.iter_errors(data), key=lambda e: [str(p) for p in e.path])
    ]


def _text(error):
    path = list(error.absolute_path)
    if error.validator == "pattern" and path[-2:-1] == ["tls"]:
        kind = "private key without a password" if path[0] == "secrets" else "certificate"
        return f"is no {kind} in PEM, each line at the same indentation"
    if "secrets" in list(error.absolute_path)[:1] and error.validator in ("pattern", "type"):
        return (
            "is no usable secret: it takes 12 to 128 of the characters A-Z a-z 0-9 _ . ~ + = - "
            "(`salt-run openstack_ha.secrets` makes good ones)"
        )
    if error.validator == "additionalProperties":
        known = ", ".join(sorted(error.schema.get("properties", {})))
        unknown = sorted(set(error.instance) - set(error.schema.get("properties", {})))
        return f"unknown keys {', '.join(map(repr, unknown))}; known here: {known}"
    if error.validator == "enum":
        choices = ", ".join(map(str, error.validator_value))
        return f"{error.instance!r} is not one of {choices}"
    if error.validator == "required":
        return error.message.replace("is a required property", "is missing and has no default")
    return error.message
