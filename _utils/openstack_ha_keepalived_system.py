"""
keepalived as one of the systems, as ``openstack_ha_systems`` explains it.
"""

import openstack_ha_option_types as option

OPTIONS = option.section(
    "the VIP's keeper",
    advert_interval=option.number(
        "seconds between VRRP adverts; a host that stalls for three of them loses the VIP",
        0.1,
        0.05,
        10,
    ),
    garp_refresh=option.integer(
        "seconds between gratuitous ARPs of the holder, against stale ARP tables", 10, 0, 3600
    ),
    startup_delay=option.number(
        "seconds without taking part in elections after keepalived starts, for bonds and "
        "switches that pass no traffic yet",
        5,
        0,
        300,
    ),
    check_interval=option.integer("seconds between two looks at HAProxy's socket", 1, 1, 60),
    check_fall=option.integer("failed looks until the node leaves the VIP", 2, 1, 60),
    check_rise=option.integer("good looks until the node may hold the VIP", 2, 1, 60),
)

SYSTEM = {
    "options": OPTIONS,
    "parts": {"keepalived": {"roles": {"controller"}}},
    "coordinated": ["keepalived"],
    "turns": {"keepalived": {"unit": "keepalived.service", "patience": 0, "reloads": True}},
}
