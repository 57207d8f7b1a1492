# Placement serves, over a schema that its version knows.
{%- set service, gate = "placement", {"openstack_ha_db_sync": "openstack_ha_placement_schema"} %}

include:
  - openstack_ha.python
  - openstack_ha.placement.config

{%- include "openstack_ha/api/schema.jinja" %}

{%- include "openstack_ha/api/service.jinja" %}
