# Nova's scheduler: which compute node a machine gets.
{%- set service = "nova.scheduler" %}
{%- include "openstack_ha/nova/turned.jinja" %}
