# Notes. Stateless, one on each controller, behind HAProxy.
{%- set service = "notes" %}
{%- include "openstack_ha/api/whole.jinja" %}
