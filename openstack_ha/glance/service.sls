# Glance serves, over a schema that its version knows.
{%- from "openstack_ha/map.jinja" import ha, os with context %}

include:
  - openstack_ha.python
  - openstack_ha.glance.config

openstack_ha_glance_schema:
  openstack_ha_db_sync.synced:
    - name: glance
    - cluster: {{ ha.name }}
    - patience: {{ ha.glance.patience }}
    - require:
      - sls: openstack_ha.python
      - sls: openstack_ha.uwsgi
      - sls: openstack_ha.glance.config

# What only a new process reads.
openstack_ha_glance_restarted:
  module.run:
    - service.restart:
      - name: {{ os.glance.service }}
    - onlyif: systemctl is-active --quiet {{ os.glance.service }}
    - require:
      - openstack_ha_db_sync: openstack_ha_glance_schema
    - onchanges:
      - file: openstack_ha_uwsgi_native_threads
      - file: openstack_ha_glance_unit
      - file: openstack_ha_glance_uwsgi.ini
      - file: openstack_ha_glance_application.py
      - file: openstack_ha_glance_swift_connection.py
      - pkg: openstack_ha_glance_packages

# What workers read themselves: they are replaced one after another, and nobody is refused.
openstack_ha_glance_service:
  service.running:
    - name: {{ os.glance.service }}
    - enable: true
    - reload: true
    - require:
      - openstack_ha_db_sync: openstack_ha_glance_schema
      - module: openstack_ha_glance_restarted
    - watch:
      - file: openstack_ha_glance_glance-api.conf
      - file: openstack_ha_glance_glance-api-paste.ini
      - file: openstack_ha_glance_swift.conf
