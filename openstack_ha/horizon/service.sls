# Horizon serves.
{%- set service, gate = "horizon", {"sls": "openstack_ha.horizon.config"} %}

include:
  - openstack_ha.horizon.config

{%- include "openstack_ha/api/service.jinja" %}
