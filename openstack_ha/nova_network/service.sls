# nova-network on this node.
{%- set service = "nova_network" %}
{%- set needs = ["openstack_ha.turn", "openstack_ha.nova.config"] %}
{%- do needs.extend(["openstack_ha.nova_network.install", "openstack_ha.nova_network.config"]) %}

include:
  - openstack_ha.turn
  - openstack_ha.nova.config
  - openstack_ha.nova_network.config

{%- include "openstack_ha/nova/service.jinja" %}
