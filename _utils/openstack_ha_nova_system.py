"""
Nova as one of the systems, as ``openstack_ha_systems`` explains it.

It runs where the cluster file says who gives machines their network (``network:provider``): the
API, the conductor, the scheduler and the console proxy on the controllers, the rest on the compute
nodes. A compute node asks the conductor for what is in the database, and has no password for it.
"""

import openstack_ha_nova_cells
import openstack_ha_nova_migration_key as migration_key
import openstack_ha_option_types as option


def _quota(description, default):
    return option.integer(description, default, -1, 10**9)


OPTIONS = option.service(
    "Nova on controllers and compute nodes, where network:provider is set",
    port=option.port("the API's port, and the VIP's", 8774),
    console_port=option.port("the console proxy's port, and the VIP's", 6080),
    metadata_port=option.port("the metadata service's port, on each compute node", 8775),
    migration_port=option.port(
        "where compute nodes come to one another for machines that move, on each of them", 8022
    ),
    release={
        "enum": ["rocky", "zed"],
        "description": "Nova's own release; worked out from network:provider: rocky with "
        "nova_network, which later ones do not have",
    },
    virt_type={
        "enum": ["auto", "kvm", "qemu"],
        "description": "how machines run; auto is kvm where the node has it, else qemu's emulation",
        "default": "auto",
    },
    cpu_ratio=option.number("virtual cores for each of a compute node's", 4, 0.1, 64),
    memory_ratio=option.number("machines' memory as a share of a compute node's", 1, 0.1, 16),
    disk_ratio=option.number("machines' disks as a share of a compute node's", 1, 0.1, 16),
    reserved_memory=option.integer("MB that a compute node keeps for itself", 512, 0, 10**6),
    reserved_disk=option.integer("GB that a compute node keeps for itself", 0, 0, 10**6),
    resume_machines=option.boolean(
        "machines that ran when their node lost its power run again when it is back", True
    ),
    schedule_timeout=option.integer(
        "seconds after which a creation that no conductor has brought to a compute node ends in an "
        "error; of many at once the last ones wait for the others",
        300,
        30,
        86400,
    ),
    failover_timeout=option.integer(
        "the same where a conductor or a scheduler that may have had it in hand was lost, or begun "
        "anew, since it was accepted; others go on with theirs in a few seconds",
        30,
        15,
        86400,
    ),
    build_timeout=option.integer(
        "seconds after which a machine ends in an error that its compute node has not built; an "
        "image that is fetched for the first time takes its time",
        1800,
        60,
        86400,
    ),
    wheels=option.string(
        "the release of Nova's wheels to stay on, or to go back to, e.g. 4f2a6d0c9b1e7a35; "
        "default: that of the formula",
        pattern=r"^[0-9a-f]{16}$",
    ),
    quotas=option.section(
        "what a project may have where nobody has given it more; -1 is no limit",
        instances=_quota("machines", 10),
        cores=_quota("virtual cores", 20),
        ram=_quota("MB of memory", 51200),
        floating_ips=_quota("floating addresses", 10),
        fixed_ips=_quota("addresses of machines", -1),
        security_groups=_quota("security groups", 10),
        security_group_rules=_quota("rules in a security group", 20),
        key_pairs=_quota("key pairs of a user", 100),
        metadata_items=_quota("metadata of a machine", 128),
        server_groups=_quota("groups of machines", 10),
        server_group_members=_quota("machines in such a group", 10),
    ),
    patience=option.integer("seconds that a state run waits for the master's word", 900, 30, 86400),
)

SECRETS = {
    "migration_key": option.string(
        "the key by which compute nodes know one another, ed25519 without a passphrase",
        pattern=migration_key.PATTERN,
        lines=True,
        fault=migration_key.NO_PEM,
    ),
    "options": option.SECRET_OPTIONS,
}

COMPUTE = {
    "type": "object",
    "description": "of a node of the role compute, what it has machines on",
    "additionalProperties": False,
    "properties": {
        "instances": {
            "type": "object",
            "description": "a disk of its own for machines' disks; default: the root disk",
            "required": ["path"],
            "additionalProperties": False,
            "properties": {
                "path": option.string(
                    "the block device, best by a name that stays, as /dev/disk/by-id/..; formatted "
                    "when it is blank",
                    pattern="^/dev/.+$",
                ),
            },
        },
    },
}

FOLDER = "/etc/nova"
# Its programs come from wheels.
PROGRAMS = "/opt/openstack_ha/nova/current"
MIGRATIONS = "nova/db/sqlalchemy"

CELL = {"migrations": f"{MIGRATIONS}/migrate_repo/versions", "is_numbered": True}
API_SYNC, SYNC = ("api_db", "sync"), ("db", "sync")

# What a compute node proves itself with, to the brokers and to Keystone.
OWN = [("rabbitmq", "users", "nova"), ("keystone", "users", "nova"), ("nova", "options")]
# Percent: a change is everywhere after twenty turns, however many compute nodes there are.
SHARE = 10
ASKED = {"keystone", "glance", "rabbitmq", "nova_network"}


def _part(role, reads=(), secrets=()):
    return {
        "roles": {role},
        "reads": ASKED.union(reads),
        "secrets": [*OWN, *secrets],
        "asks_vip": True,
    }


def _of_controller():
    return _part("nova_server", {"memcached"}, [("galera",)])


SYSTEM = {
    "options": OPTIONS,
    "secrets": SECRETS,
    "node": {"compute": COMPUTE},
    "coordinated": ["nova.api", "nova.compute"],
    "parts": {
        "nova.conductor": _of_controller(),
        "nova.scheduler": _of_controller(),
        "nova.api": _of_controller(),
        "nova.console": _of_controller(),
        "nova.metadata": _part("network_node"),
        "nova.compute": {
            **_part("compute_node", secrets=[migration_key.PATH]),
            "units": [("nova_migration:service", ".socket")],
        },
    },
    "schema": {
        "part": "nova.api",
        "package": "nova",
        "libraries": f"{PROGRAMS}/lib/python3.11/site-packages",
        "user": "nova",
        "command": f"{PROGRAMS}/bin/nova-manage",
        "config": (f"{FOLDER}/nova.conf", f"{FOLDER}/openstack_ha-local.conf"),
        "databases": {
            "nova_api": {
                "migrations": f"{MIGRATIONS}/api_migrations/migrate_repo/versions",
                "is_numbered": True,
            },
            openstack_ha_nova_cells.CELL0_DATABASE: CELL,
            "nova": CELL,
        },
        # The API's comes first: there `db sync` finds cell0, and without a mapping passes it over.
        "sync": (
            API_SYNC,
            (
                "cell_v2",
                "map_cell0",
                "--database_connection",
                openstack_ha_nova_cells.cell0_database(),
            ),
            SYNC,
        ),
        # Migrations are "additive and able to be applied to a running system before service code
        # has been upgraded". The last one goes on until nothing is left: it is asked for no count.
        # https://docs.openstack.org/nova/rocky/user/upgrade.html#schema-migrations
        "expand": (API_SYNC, SYNC, ("db", "online_data_migrations")),
    },
    "messages": "nova",
    "turns": {
        "nova.conductor": {"unit": "nova-conductor.service", "patience": 0},
        "nova.scheduler": {"unit": "nova-scheduler.service", "patience": 0},
        "nova.api": {"unit": "nova-api.service", "patience": 60, "row": "nova"},
        # Consoles that are looked at are cut, and asked for again.
        "nova.console": {"unit": "nova-novncproxy.service", "patience": 0, "row": "nova_console"},
        # Of a node's own machines, which run on; each start asks the conductors a lot.
        "nova.metadata": {"unit": "nova-api-metadata.service", "patience": 0, "share": SHARE},
        "nova.compute": {"unit": "nova-compute.service", "patience": 0, "share": SHARE},
    },
    "catalog": {
        "nova.api": {
            "name": "nova",
            "type": "compute",
            "port": "nova:port",
            "path": "/v2.1",
            "user": "nova",
        }
    },
    "vip": [
        # A machine's creation is answered at once; a list of thousands takes its time.
        {
            "name": "nova",
            "port": "nova:port",
            "mode": "http",
            "system": "nova.api",
            "timeout": 120,
            "check": {"path": "/healthcheck"},
        },
        # A console is looked at for hours.
        {
            "name": "nova_console",
            "port": "nova:console_port",
            "mode": "http",
            "system": "nova.console",
            "timeout": 3600,
            # The proxy is a process of its own for each of them, and logs each page that its reader
            # drops as soon as it has seen the status.
            "check": {"path": "/vnc_lite.html", "method": "HEAD", "interval": 5000},
        },
    ],
}
