# What the proxy's programs read.
{%- from "openstack_ha/map.jinja" import os with context %}

include:
  - openstack_ha.turn
  - openstack_ha.swift.config
  - openstack_ha.swift.proxy.install
{%- set servers = salt["openstack_ha_swift_conf.server_files"]() %}
{%- for name, file in salt["openstack_ha_swift_conf.files"]("proxy").items() %}

openstack_ha_swift_{{ name }}:
  openstack_ha_options.written:
    - name: {{ os.swift.folder }}/{{ name }}
    - system: swift
    - group: {{ os.swift.group }}
    - options: {{ file | json(sort_keys=False) }}
{%- if name in servers %}
    - tried_by: {{ os.swift.config_check }}
{%- endif %}
    - require:
      - sls: openstack_ha.swift.config
      - pkg: openstack_ha_swift_proxy_packages
{%- endfor %}
{%- set role, packages = "proxy", os.swift.packages + os.swift_proxy.packages %}
{%- include "openstack_ha/swift/turns.jinja" %}
