# Keystone serves, with the cluster's keys and over a schema that its version knows.
{%- from "openstack_ha/map.jinja" import ha with context %}
{%- set service, gate = "keystone", {"openstack_ha_keystone": "openstack_ha_keystone_prepared"} %}

include:
  - openstack_ha.python
  - openstack_ha.keystone.config

{%- include "openstack_ha/api/schema.jinja" %}

openstack_ha_keystone_prepared:
  openstack_ha_keystone.prepared:
    - name: {{ ha.name }}
    - patience: {{ ha.keystone.patience }}
    - require:
      - openstack_ha_db_sync: openstack_ha_keystone_schema

{%- include "openstack_ha/api/service.jinja" %}
