# The packages are there, and a unit for them, which starts nothing that is not configured.
{%- set service, unit = "horizon", "horizon/files/unit.jinja" %}

include:
  - openstack_ha.guard

{%- include "openstack_ha/api/install.jinja" %}
