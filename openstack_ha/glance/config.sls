# What Glance reads, in a folder of its own: the package's files stay as they are.
{%- from "openstack_ha/map.jinja" import os with context %}
{%- set service, programs = "glance", ["application.py", "swift_connection.py"] %}
{%- set place = {"file": "openstack_ha_glance_folder"} %}

include:
  - openstack_ha.oslo
  - openstack_ha.turn
  - openstack_ha.uwsgi
  - openstack_ha.glance.install

openstack_ha_glance_folder:
  file.directory:
    - name: {{ os.glance.folder }}
    - user: root
    - group: {{ os.glance.group }}
    - mode: '0750'
    - require:
      - pkg: openstack_ha_glance_packages
{%- for folder in salt["openstack_ha_glance.folders"]() %}

openstack_ha_glance_{{ folder }}:
  file.directory:
    - name: {{ folder }}
    - user: {{ os.glance.user }}
    - group: {{ os.glance.group }}
    - mode: '0750'
    - require:
      - pkg: openstack_ha_glance_packages
{%- endfor %}
{%- include "openstack_ha/api/config.jinja" %}
