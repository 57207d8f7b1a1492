# Glance serves, over a schema that its version knows.
{%- set service, gate = "glance", {"openstack_ha_db_sync": "openstack_ha_glance_schema"} %}

include:
  - openstack_ha.python
  - openstack_ha.glance.config

{%- include "openstack_ha/api/schema.jinja" %}

{%- include "openstack_ha/api/service.jinja" %}
