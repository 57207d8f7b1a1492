# Keystone serves, with the cluster's keys and over a schema that its version knows.
{%- from "openstack_ha/map.jinja" import ha, os with context %}

include:
  - openstack_ha.python
  - openstack_ha.keystone.config

openstack_ha_keystone_schema:
  openstack_ha_db_sync.synced:
    - name: keystone
    - cluster: {{ ha.name }}
    - patience: {{ ha.keystone.patience }}
    - require:
      - sls: openstack_ha.python
      - sls: openstack_ha.uwsgi
      - sls: openstack_ha.keystone.config

openstack_ha_keystone_prepared:
  openstack_ha_keystone.prepared:
    - name: {{ ha.name }}
    - patience: {{ ha.keystone.patience }}
    - require:
      - openstack_ha_db_sync: openstack_ha_keystone_schema

# What only a new process reads.
openstack_ha_keystone_restarted:
  module.run:
    - service.restart:
      - name: {{ os.keystone.service }}
    - onlyif: systemctl is-active --quiet {{ os.keystone.service }}
    - require:
      - openstack_ha_keystone: openstack_ha_keystone_prepared
    - onchanges:
      - file: openstack_ha_uwsgi_native_threads
      - file: openstack_ha_keystone_unit
      - file: openstack_ha_keystone_openstack_ha-uwsgi.ini
      - pkg: openstack_ha_keystone_packages

# What workers read themselves: they are replaced one after another, and nobody is refused.
openstack_ha_keystone_service:
  service.running:
    - name: {{ os.keystone.service }}
    - enable: true
    - reload: true
    - require:
      - openstack_ha_keystone: openstack_ha_keystone_prepared
      - module: openstack_ha_keystone_restarted
    - watch:
      - file: openstack_ha_keystone_keystone.conf
