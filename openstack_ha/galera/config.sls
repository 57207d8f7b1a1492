# The server's configuration. A change is taken by one member at a time, when the master says so.
{%- from "openstack_ha/map.jinja" import os with context %}

include:
  - openstack_ha.galera.install

openstack_ha_galera_config:
  file.managed:
    - name: {{ os.galera.config }}
    - source: salt://openstack_ha/galera/files/openstack_ha.cnf.jinja
    - template: jinja
    - mode: '0644'
    - require:
      - sls: openstack_ha.galera.install
