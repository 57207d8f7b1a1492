"""
Nova as one of the systems, as ``openstack_ha_systems`` explains it.

It runs where the cluster file says who gives machines their network (``network:provider``): the
API, the conductor, the scheduler and the console proxy on the controllers, the rest on the compute
nodes. A compute node asks the conductor for what is in the database, and has no password for it.
"""

import openstack_ha_option_types as option

OPTIONS = option.service(
    "Nova on controllers and compute nodes, where network:provider is set",
    port=option.port("the API's port, and the VIP's", 8774),
    console_port=option.port("the console proxy's port, and the VIP's", 6080),
    metadata_port=option.port("the metadata service's port, on each compute node", 8775),
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
    wheels=option.string(
        "the release of Nova's wheels to stay on, or to go back to, e.g. 4f2a6d0c9b1e7a35; "
        "default: that of the formula",
        pattern=r"^[0-9a-f]{16}$",
    ),
    patience=option.integer("seconds that a state run waits for the master's word", 900, 30, 86400),
)

FOLDER = "/etc/nova"

# What a compute node proves itself with, to the brokers and to Keystone.
OWN = [("rabbitmq", "users", "nova"), ("keystone", "users", "nova")]
ASKED = {"keystone", "rabbitmq", "nova_network"}


def _part(role, *secrets):
    return {"roles": {role}, "reads": ASKED | {"memcached"}, "secrets": [*OWN, *secrets]}


SYSTEM = {
    "options": OPTIONS,
    "parts": {
        "nova.conductor": _part("nova_server", ("galera",)),
        "nova.scheduler": _part("nova_server", ("galera",)),
        "nova.api": _part("nova_server", ("galera",)),
        "nova.console": _part("nova_server", ("galera",)),
        "nova.metadata": {"roles": {"network_node"}, "reads": ASKED, "secrets": OWN},
        "nova.compute": {"roles": {"compute_node"}, "reads": ASKED, "secrets": OWN},
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
            "check": {"path": "/vnc_lite.html"},
        },
    ],
}
