# The server is installed, and its unit starts nothing that is not configured.
{%- from "openstack_ha/map.jinja" import os with context %}

include:
  - openstack_ha.guard

openstack_ha_galera_unit:
  file.managed:
    - name: /etc/systemd/system/{{ os.galera.service }}.service.d/openstack_ha.conf
    - source: salt://openstack_ha/galera/files/unit.conf.jinja
    - template: jinja
    - context: {os: {{ os | json }}}
    - mode: '0644'
    - makedirs: True

openstack_ha_galera_packages:
  pkg.installed:
    - pkgs: {{ os.galera.packages | json }}
    - require:
      - file: openstack_ha_galera_unit

# Socket activation would hold the server's ports before it does.
{%- for unit in os.galera.socket_units %}

openstack_ha_galera_{{ unit }}:
  service.masked:
    - name: {{ unit }}
    - require:
      - pkg: openstack_ha_galera_packages
{%- endfor %}
