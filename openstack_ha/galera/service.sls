# The server is a Synced member with the cluster's accounts. It starts at boot, always as a member:
# only the master's word makes a cluster.
{%- from "openstack_ha/map.jinja" import ha, os with context %}

include:
  - openstack_ha.python
  - openstack_ha.galera.config

openstack_ha_galera_enabled:
  service.enabled:
    - name: {{ os.galera.service }}
    - require:
      - sls: openstack_ha.galera.config

openstack_ha_galera_member:
  openstack_ha_galera.member_present:
    - name: {{ ha.name }}
    - patience: {{ ha.galera.patience }}
    - require:
      - sls: openstack_ha.python
      - sls: openstack_ha.galera.config

openstack_ha_galera_accounts:
  openstack_ha_galera.accounts_present:
    - require:
      - openstack_ha_galera: openstack_ha_galera_member
{%- set part, place = "galera", {"openstack_ha_galera": "openstack_ha_galera_accounts"} %}
{%- include "openstack_ha/remembered.jinja" %}
