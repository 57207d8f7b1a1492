# What all servers read is there, and read: the rings, which the master brings, and swift.conf.
{%- from "openstack_ha/map.jinja" import ha with context %}

include:
  - openstack_ha.swift.config

openstack_ha_swift_rings_present:
  openstack_ha_swift.rings_present:
    - name: {{ ha.name }}
    - patience: {{ ha.swift.patience }}
    - require:
      - sls: openstack_ha.swift.config
