# Nova's databases have their schemas, the cell, and the machines' networks.
{%- from "openstack_ha/map.jinja" import ha with context %}

include:
  - openstack_ha.python
  - openstack_ha.turn
  - openstack_ha.nova.config

openstack_ha_nova_schema:
  openstack_ha_db_sync.synced:
    - name: nova
    - cluster: {{ ha.name }}
    - patience: {{ ha.nova.patience }}
    - require:
      - sls: openstack_ha.python
      - sls: openstack_ha.turn
      - sls: openstack_ha.nova.config

openstack_ha_nova_cell:
  openstack_ha_nova.cell_present:
    - name: {{ ha.name }}
    - patience: {{ ha.nova.patience }}
    - require:
      - openstack_ha_db_sync: openstack_ha_nova_schema

openstack_ha_nova_networks:
  openstack_ha_nova_network.networks_present:
    - name: {{ ha.name }}
    - patience: {{ ha.nova_network.patience }}
    - require:
      - openstack_ha_nova: openstack_ha_nova_cell
