# What a highstate cannot change on a running cluster is as it was. First of all states, and where it
# is not, the last one.
{%- from "openstack_ha/map.jinja" import ha with context %}

openstack_ha_guard:
  openstack_ha_guard.unchanged:
    - name: {{ ha.name }}
    - order: first
    - failhard: True
