# The server's configuration. A change is taken by one member at a time, when the master says so.
{%- from "openstack_ha/map.jinja" import os with context %}

include:
  - openstack_ha.galera.install

openstack_ha_galera_config_check:
  file.managed:
    - name: {{ os.galera.config_check }}
    - source: salt://openstack_ha/galera/files/check-mariadb-config.py
    - user: root
    - group: root
    - mode: '0755'
    - makedirs: true

# One that the server does not take leaves the old one in its place.
openstack_ha_galera_config:
  file.managed:
    - name: {{ os.galera.config }}
    - source: salt://openstack_ha/galera/files/openstack_ha.cnf.jinja
    - template: jinja
    - mode: '0644'
    - check_cmd: {{ os.galera.config_check }} {{ os.galera.binary }} {{ os.galera.config }}
    - require:
      - sls: openstack_ha.galera.install
      - file: openstack_ha_galera_config_check
