# The package is there, and starts nothing that is not configured.
{%- set service = "glance" %}

include:
  - openstack_ha.guard

{%- include "openstack_ha/api/install.jinja" %}
