# Nova's conductor: what of the database others may ask for.
{%- set service = "nova.conductor" %}
{%- include "openstack_ha/nova/turned.jinja" %}
