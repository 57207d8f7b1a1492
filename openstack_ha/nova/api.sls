# Nova's API, behind HAProxy.
{%- set service = "nova.api" %}
{%- include "openstack_ha/nova/turned.jinja" %}
