# What the proxy's programs read.
{%- from "openstack_ha/map.jinja" import os with context %}

include:
  - openstack_ha.turn
  - openstack_ha.swift.config
  - openstack_ha.swift.proxy.install

openstack_ha_swift_proxy_authtoken:
  file.managed:
    - name: {{ os.swift.libraries }}/{{ os.swift.imports["proxy-server"] }}
    - source: salt://openstack_ha/swift/files/{{ os.swift.imports["proxy-server"] }}
    - user: root
    - group: root
    - mode: '0644'
    - makedirs: true
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
      - file: openstack_ha_swift_proxy_authtoken
{%- endfor %}
{%- set role, packages = "proxy", os.swift.packages + os.swift_proxy.packages %}
{%- include "openstack_ha/swift/turns.jinja" %}
