# What the storage's programs read.
{%- from "openstack_ha/map.jinja" import ha, os with context %}

include:
  - openstack_ha.turn
  - openstack_ha.swift.config
  - openstack_ha.swift.storage.install
{%- set servers = salt["openstack_ha_swift_conf.server_files"]() %}
{%- for name, file in salt["openstack_ha_swift_conf.files"]("storage").items() %}

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
      - pkg: openstack_ha_swift_storage_packages
{%- endfor %}
{%- set role, packages = "storage", os.swift.packages + os.swift_storage.program_packages %}
{%- include "openstack_ha/swift/turns.jinja" %}

# Replication that has no server of its own any more.
{%- for program in salt["openstack_ha_swift_conf.programs"]("idle") %}

openstack_ha_swift_{{ program }}_turn:
  file.absent:
    - name: {{ os.turn.folder }}/swift.storage.{{ os.swift.units[program] }}.service
{%- endfor %}

openstack_ha_swift_rsync_config:
  file.managed:
    - name: {{ os.swift_storage.rsync_config }}
    - source: salt://openstack_ha/swift/storage/files/rsyncd.conf.jinja
    - template: jinja
    - context:
        ha: {{ ha | json }}
        os: {{ os | json }}
        devices: {{ salt["openstack_ha_swift_device.names"]() | json }}
    - user: root
    - group: root
    - mode: '0644'
    - require:
      - sls: openstack_ha.swift.config
      - pkg: openstack_ha_swift_storage_packages

openstack_ha_swift_kernel_log:
  file.managed:
    - name: {{ os.swift_storage.kernel_log }}
    - source: salt://openstack_ha/swift/storage/files/swift-kernel-log
    - user: root
    - group: root
    - mode: '0755'
    - makedirs: true
{%- for suffix in ("service", "timer") %}

openstack_ha_swift_drive_audit_{{ suffix }}:
  file.managed:
    - name: /etc/systemd/system/{{ os.swift_storage.drive_audit }}.{{ suffix }}
    - source: salt://openstack_ha/swift/storage/files/drive-audit.{{ suffix }}.jinja
    - template: jinja
    - context:
        os: {{ os | json }}
    - user: root
    - group: root
    - mode: '0644'
    - onchanges_in:
      - module: openstack_ha_swift_drive_audit_units_read
{%- endfor %}

openstack_ha_swift_drive_audit_units_read:
  module.run:
    - service.systemctl_reload: []
