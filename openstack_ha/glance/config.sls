# What Glance reads, in a folder of its own: the package's files stay as they are.
{%- from "openstack_ha/map.jinja" import os with context %}

include:
  - openstack_ha.uwsgi
  - openstack_ha.glance.install

openstack_ha_glance_folder:
  file.directory:
    - name: {{ os.glance.folder }}
    - user: root
    - group: {{ os.glance.user }}
    - mode: '0750'
    - require:
      - pkg: openstack_ha_glance_packages
{%- for folder in salt["openstack_ha_glance.folders"]() %}

openstack_ha_glance_{{ folder }}:
  file.directory:
    - name: {{ folder }}
    - user: {{ os.glance.user }}
    - group: {{ os.glance.user }}
    - mode: '0750'
    - require:
      - pkg: openstack_ha_glance_packages
{%- endfor %}
{%- for name, file in salt["openstack_ha_options.files"]("glance").items() %}

openstack_ha_glance_{{ name }}:
  file.managed:
    - name: {{ os.glance.folder }}/{{ name }}
    - source: salt://openstack_ha/files/options.ini.jinja
    - template: jinja
    - context:
        system: glance
        file: {{ file | json(sort_keys=False) }}
    - user: root
    - group: {{ os.glance.user }}
    - mode: '0640'
    - show_changes: false
    - require:
      - file: openstack_ha_glance_folder
{%- endfor %}
{%- for name in ("application.py", "swift_connection.py") %}

openstack_ha_glance_{{ name }}:
  file.managed:
    - name: {{ os.glance.folder }}/{{ name }}
    - source: salt://openstack_ha/glance/files/{{ name }}
    - user: root
    - group: {{ os.glance.user }}
    - mode: '0640'
    - require:
      - file: openstack_ha_glance_folder
{%- endfor %}
