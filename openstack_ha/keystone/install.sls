# The package is there, and starts nothing that is not configured and has not the cluster's keys.
{%- set service = "keystone" %}

include:
  - openstack_ha.guard

{%- include "openstack_ha/api/install.jinja" %}
