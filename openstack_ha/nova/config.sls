# What Nova reads: the same files for all of its services of a node.
{%- from "openstack_ha/map.jinja" import os with context %}

include:
  - openstack_ha.nova.install
{%- for name, file in salt["openstack_ha_nova_conf.files"]().items() %}

openstack_ha_nova_{{ name }}:
  file.managed:
    - name: {{ os.nova.folder }}/{{ name }}
    - source: salt://openstack_ha/files/options.ini.jinja
    - template: jinja
    - context:
        system: nova
        file: {{ file | json(sort_keys=False) }}
    - user: root
    - group: {{ os.nova.group }}
    - mode: '0640'
    - show_changes: false
    - require:
      - file: openstack_ha_nova_folder
{%- endfor %}
