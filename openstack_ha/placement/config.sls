# What Placement reads.
{%- set service, programs = "placement", ["openstack_ha-application.py"] %}
{%- set place = {"pkg": "openstack_ha_placement_packages"} %}

include:
  - openstack_ha.oslo
  - openstack_ha.turn
  - openstack_ha.uwsgi
  - openstack_ha.placement.install

{%- include "openstack_ha/api/config.jinja" %}
