# swift.conf: where objects are, for ever.
{%- from "openstack_ha/map.jinja" import os with context %}

include:
  - openstack_ha.swift.install

openstack_ha_swift_config_check:
  file.managed:
    - name: {{ os.swift.config_check }}
    - source: salt://openstack_ha/swift/files/check-swift-config
    - user: root
    - group: root
    - mode: '0755'
    - makedirs: true

# Before the file: objects may be stored from then on, whatever fails after it.
{%- set part, place = "swift", {"pkg": "openstack_ha_swift_packages"} %}
{%- include "openstack_ha/remembered.jinja" %}
{%- for name, file in salt["openstack_ha_swift_conf.files"]("shared").items() %}

openstack_ha_swift_{{ name }}:
  openstack_ha_options.written:
    - name: {{ os.swift.folder }}/{{ name }}
    - system: swift
    - group: {{ os.swift.group }}
    - options: {{ file | json(sort_keys=False) }}
    - require:
      - openstack_ha_guard: openstack_ha_swift_remembered
{%- endfor %}
