"""
nova-network as one of the systems, as ``openstack_ha_systems`` explains it.

Each compute node is gateway, DHCP server and metadata server of its own machines (multi-host).
"""

import openstack_ha_option_types as option

ADDRESSES = option.string("a network as a CIDR, e.g. 10.20.0.0/16")

OPTIONS = option.section(
    "nova-network on each compute node, where network:provider is nova_network",
    manager={
        "enum": ["flat_dhcp", "vlan"],
        "description": "one network for all machines, or one VLAN a project",
        "default": "flat_dhcp",
    },
    interface=option.string(
        "the interface that joins the compute nodes' bridges; without an address of its own",
        default="eth1",
        pattern=option.INTERFACE_PATTERN,
    ),
    bridge=option.string(
        "the bridge of flat_dhcp", default="br100", pattern=option.INTERFACE_PATTERN
    ),
    vlan_start=option.integer("the first VLAN of vlan", 100, 1, 4094),
    public_interface=option.string(
        "the interface of floating addresses; default: the one that has the node's address",
        pattern=option.INTERFACE_PATTERN,
    ),
    domain=option.string("the machines' domain", default="novalocal"),
    snat_ranges={
        "type": "array",
        "description": "where machines go with their node's address",
        "items": ADDRESSES,
        "default": ["0.0.0.0/0"],
        "minItems": 1,
        "uniqueItems": True,
    },
    networks=option.mapping(
        "the machines' networks by name",
        {
            "type": "object",
            "required": ["range"],
            "additionalProperties": False,
            "properties": {
                "range": ADDRESSES,
                "gateway": option.string(
                    "an address that no machine gets; default: the first. Machines go by their "
                    "own node's"
                ),
                "dns": {
                    "type": "array",
                    "description": "at most two name servers; default: the node's own",
                    "items": {"type": "string"},
                    "default": [],
                    "maxItems": 2,
                },
                "vlan": option.integer("its VLAN", None, 1, 4094),
                "project": option.string("id of the project whose it is; default: everybody's"),
            },
        },
        default={},
    ),
    floating_pools=option.mapping(
        "pools of floating addresses by name",
        {
            "type": "object",
            "required": ["ranges"],
            "additionalProperties": False,
            "properties": {
                "ranges": {
                    "type": "array",
                    "description": "networks as CIDRs, or ranges such as 192.0.2.10-19",
                    "items": {"type": "string"},
                    "minItems": 1,
                    "uniqueItems": True,
                },
            },
        },
        default={},
    ),
    prune=option.boolean(
        "networks and floating addresses that are not named here go when nobody uses them", False
    ),
    patience=option.integer("seconds that a state run waits for the master's word", 900, 30, 86400),
)

SYSTEM = {
    "options": OPTIONS,
    "parts": {
        "nova_network": {
            "roles": {"network_node"},
            "reads": {"nova", "keystone", "glance", "rabbitmq"},
            "secrets": [("rabbitmq", "users", "nova"), ("keystone", "users", "nova")],
            "asks_vip": True,
        }
    },
    # Bridges and dnsmasq stay while it is started anew.
    "turns": {"nova_network": {"unit": "nova-network.service", "patience": 0, "share": 10}},
    # Networks and floating addresses are in the database, which only a controller reaches.
    "coordinated": ["nova.api"],
}
