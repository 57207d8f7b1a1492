# What Nova reads: the same files for all of its services of a node.
{%- from "openstack_ha/map.jinja" import os with context %}

{%- set tried = os.nova.namespaces %}

include:
  - openstack_ha.oslo
  - openstack_ha.nova.install
{%- for name, file in salt["openstack_ha_nova_conf.files"]().items() %}

openstack_ha_nova_{{ name }}:
  openstack_ha_options.written:
    - name: {{ os.nova.folder }}/{{ name }}
    - system: nova
    - group: {{ os.nova.group }}
    - options: {{ file | json(sort_keys=False) }}
{%- if name in tried %}
    - tried_by: {{ os.nova.programs }}/current/bin/python {{ os.oslo.config_check }} {{ tried[name] | join(",") }}
{%- endif %}
    - require:
      - file: openstack_ha_nova_folder
{%- if name in tried %}
      - file: openstack_ha_oslo_config_check
      - openstack_ha_wheels: openstack_ha_nova_programs
{%- endif %}
{%- endfor %}
