# What Keystone reads, and what its operators' client reads.
{%- from "openstack_ha/map.jinja" import os with context %}
{%- set files = "salt://openstack_ha/keystone/files/" %}

include:
  - openstack_ha.uwsgi
  - openstack_ha.keystone.install
{%- for name, file in salt["openstack_ha_options.files"]("keystone").items() %}

openstack_ha_keystone_{{ name }}:
  file.managed:
    - name: {{ os.keystone.folder }}/{{ name }}
    - source: salt://openstack_ha/files/options.ini.jinja
    - template: jinja
    - context:
        system: keystone
        file: {{ file | json(sort_keys=False) }}
    - user: root
    - group: {{ os.keystone.group }}
    - mode: '0640'
    - show_changes: false
    - require:
      - pkg: openstack_ha_keystone_packages
{%- endfor %}
{%- for name in ("clouds.yaml", "openrc") %}

openstack_ha_keystone_{{ name }}:
  file.managed:
    - name: {{ os.keystone.clients_folder }}/{{ name }}
    - source: {{ files }}{{ name }}.jinja
    - template: jinja
    - context:
        client: {{ salt["openstack_ha_keystone.clients"]() | json }}
    - user: root
    - group: root
    - mode: '0600'
    - makedirs: true
    - show_changes: false
{%- endfor %}
