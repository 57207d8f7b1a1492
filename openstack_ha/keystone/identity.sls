# Who is who, and where the services are: kept by the one controller that the master names.
{%- from "openstack_ha/map.jinja" import ha, os with context %}

include:
  - openstack_ha.keystone.service

openstack_ha_keystone_identity_program:
  file.managed:
    - name: {{ os.keystone.identity_program }}
    - source: salt://openstack_ha/keystone/files/openstack-ha-identity.py
    - user: root
    - group: root
    - mode: '0644'
    - makedirs: true

openstack_ha_keystone_identity:
  openstack_ha_identity.managed:
    - name: {{ ha.name }}
    - prune: {{ ha.keystone.prune }}
    - require:
      - sls: openstack_ha.keystone.service
      - file: openstack_ha_keystone_identity_program
