# The package is there, and starts nothing that is not configured.
{%- set service = "placement" %}

include:
  - openstack_ha.guard

{%- include "openstack_ha/api/install.jinja" %}
