# What the storage's programs read.
{%- from "openstack_ha/map.jinja" import ha, os with context %}

include:
  - openstack_ha.swift.config
  - openstack_ha.swift.storage.install
{%- set servers = salt["openstack_ha_swift_conf.server_files"]() %}
{%- for name, file in salt["openstack_ha_swift_conf.files"]("storage").items() %}

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
      - pkg: openstack_ha_swift_storage_packages
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
