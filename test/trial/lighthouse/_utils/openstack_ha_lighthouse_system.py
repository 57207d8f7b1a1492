"""
Lighthouses as one of the systems, as ``openstack_ha_systems`` explains it.
"""

import openstack_ha_option_types as option

OPTIONS = option.section(
    "lighthouses, of which one burns",
    patience=option.integer("seconds that a state run waits for the master's word", 900, 30, 86400),
)

SYSTEM = {
    "options": OPTIONS,
    "parts": {"lighthouse": {"roles": {"compute"}}},
    "coordinated": ["lighthouse"],
}
