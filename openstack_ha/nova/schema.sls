# Nova's databases have their schemas, and the cells are known.
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
