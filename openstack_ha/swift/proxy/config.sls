# What the proxy's programs read.
{%- from "openstack_ha/map.jinja" import os with context %}

include:
  - openstack_ha.turn
  - openstack_ha.swift.config
  - openstack_ha.swift.proxy.install
{%- set servers = salt["openstack_ha_swift_conf.server_files"]() %}
{%- for name, file in salt["openstack_ha_swift_conf.files"]("proxy").items() %}

openstack_ha_swift_{{ name }}:
  file.managed:
    - name: {{ os.swift.folder }}/{{ name }}
    - source: salt://openstack_ha/files/options.ini.jinja
    - template: jinja
    - context:
        system: swift
        file: {{ file | json(sort_keys=False) }}
    - user: root
    - group: {{ os.swift.group }}
    - mode: '0640'
    - show_changes: false
{%- if name in servers %}
    - check_cmd: {{ os.swift.config_check }}
{%- endif %}
    - require:
      - sls: openstack_ha.swift.config
      - pkg: openstack_ha_swift_proxy_packages
{%- endfor %}
{%- set role, packages = "proxy", os.swift.packages + os.swift_proxy.packages %}
{%- include "openstack_ha/swift/turns.jinja" %}
