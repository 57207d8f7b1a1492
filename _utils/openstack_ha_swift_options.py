"""
Swift's options in the cluster file.
"""

import openstack_ha_option_types as option

DEVICE_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$"
RING_PATTERN = r"^(account|container|object(-[1-9][0-9]*)?)$"
# What Swift allows in the name of a storage policy, which stands in HTTP headers.
POLICY_PATTERN = r"^[A-Za-z0-9-]{1,64}$"


def _ring(description, port):
    return option.section(
        description,
        part_power=option.integer("2 to this power parts; for the ring's whole life", 14, 1, 32),
        replicas=option.number(
            "copies of each part; 3.25 gives a quarter of the parts a 4th", 3, 1, 32
        ),
        min_part_hours=option.integer(
            "hours between two moves of a part; longer than a whole pass of replication", 24, 0, 255
        ),
        overload=option.number(
            "share that a device may hold beyond its weight, to keep replicas apart", 0.1, 0, 10
        ),
        ramp=option.number(
            "share of a device's weight that one run may give or take", 0.25, 0.01, 1
        ),
        max_dispersion=option.number(
            "percentage of replicas too near to each other that a change may bring about", 5, 0, 100
        ),
        allow_fewer_zones=option.boolean(
            "accept fewer zones than replicas, so that a zone has two of a part", False
        ),
        wait_for_replication=option.boolean(
            "move parts only when every node has replicated since the last move", True
        ),
        port=option.port("port of the servers", port),
        replication_port=option.integer("port for replication; default: port", None, 1, 65535),
    )


def _servers(description, **properties):
    return option.service(description, **properties, options=option.FILE_OPTIONS)


POLICY = {
    "type": "object",
    "description": "a storage policy; the objects of index 1 stand in the ring object-1",
    "required": ["index"],
    "additionalProperties": False,
    "properties": {
        "index": option.integer("its number in the rings, for ever", None, 0, 999),
        "is_default": option.boolean("whether new containers get it when nobody says which", False),
        "is_deprecated": option.boolean("whether no new container may get it", False),
        "aliases": {
            "type": "array",
            "description": "further names",
            "items": {"type": "string", "pattern": POLICY_PATTERN},
            "default": [],
            "uniqueItems": True,
        },
    },
}

OPTIONS = option.section(
    "Swift; the devices stand at the nodes",
    owner=option.string("the node that builds the rings; default: the first with the role storage"),
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
    policies=option.mapping(
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
    users=option.mapping(
        "tempauth's users; each needs secrets:swift:users:<name>",
        {
            "type": "object",
            "required": ["account"],
            "additionalProperties": False,
            "properties": {
                "account": option.string("the user's account", pattern=option.IDENTIFIER_PATTERN),
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
    patience=option.integer(
        "seconds that a state run waits for the rings, and for the node's turn", 900, 30, 86400
    ),
    keep_copies=option.boolean(
        "change a builder only when the master has a copy of it as it is; without a master: false",
        True,
    ),
    devices=option.section(
        "how devices become directories of the servers",
        root=option.string("where they are mounted", default="/srv/node", pattern="^/.+$"),
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
        nearly_full=option.integer("percent in use from which the status warns", 85, 1, 100),
    ),
    rsync=option.section(
        "the daemon that replication copies files with",
        port=option.port("its port, on the address for replication", 873),
        max_connections=option.integer("connections a device", 8, 1, 1000),
    ),
    proxy=_servers("the proxy servers", port=option.port("their port, and the VIP's", 8080)),
    account=_servers("the account servers"),
    container=_servers("the container servers"),
    object=_servers("the object servers"),
    drive_audit=option.section(
        "the look for the disks' errors in the kernel's log", options=option.FILE_OPTIONS
    ),
)

# At each node with the role storage.
STORAGE = {
    "type": "object",
    "description": "where a node of the role storage stands, and its devices in Swift's rings",
    "required": ["zone"],
    "additionalProperties": False,
    "properties": {
        "region": option.integer("the region; the zones of a region share a site", 1, 1, 65535),
        "zone": option.integer("what fails together: a rack, a feed, a room", None, 1, 65535),
        "replication_address": option.string(
            "address for replication; default: the node's address"
        ),
        "devices": option.mapping(
            "devices by the name of their mount point",
            {
                "type": "object",
                "additionalProperties": False,
                "properties": {
                    "path": option.string(
                        "the block device; default: /dev/<name>", pattern="^/dev/.+$"
                    ),
                    "weight": option.number(
                        "share of the parts; by size, such as 4000 for 4 TB", 100, 0, 1e9
                    ),
                    "meta": option.string("free text, such as the serial number", default=""),
                    "failed": option.boolean(
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
