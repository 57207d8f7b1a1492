# What a node's machines ask about themselves.
{%- set service = "nova.metadata" %}

include:
  - openstack_ha.turn
  - openstack_ha.nova.config

{%- include "openstack_ha/nova/at_once.jinja" %}
