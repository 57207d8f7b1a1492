# The minion answers its master by the cluster file that this run is made of.
{%- from "openstack_ha/map.jinja" import ha with context %}

openstack_ha_view:
  openstack_ha.view_known:
    - name: {{ ha.name }}
