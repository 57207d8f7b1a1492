# What a node's machines ask about themselves.
{%- set service = "nova.metadata" %}
{%- set needs = ["openstack_ha.turn", "openstack_ha.nova.config"] %}

include:
  - openstack_ha.turn
  - openstack_ha.nova.config

{%- include "openstack_ha/nova/service.jinja" %}
