# The node's disks are mounted. One that cannot be is named, and holds up neither the others nor the
# servers.
{%- from "openstack_ha/map.jinja" import ha, os with context %}

include:
  - openstack_ha.swift.storage.install

openstack_ha_swift_devices_unit:
  file.managed:
    - name: {{ os.swift_storage.device_unit }}
    - source: salt://openstack_ha/files/disk.service.jinja
    - template: jinja
    - context:
        origin: openstack_ha.swift.storage
        description: Swift's device %i
        target: {{ ha.swift.devices.root }}/%i
        kept: {{ os.swift_storage.device_folder }}/%i
        before: {{ os.swift.devices_target }}
    - user: root
    - group: root
    - mode: '0644'

openstack_ha_swift_devices_target:
  file.managed:
    - name: /etc/systemd/system/{{ os.swift.devices_target }}
    - source: salt://openstack_ha/swift/storage/files/devices.target.jinja
    - template: jinja
    - user: root
    - group: root
    - mode: '0644'

openstack_ha_swift_devices_units_read:
  module.run:
    - service.systemctl_reload: []
    - onchanges:
      - file: openstack_ha_swift_devices_unit
      - file: openstack_ha_swift_devices_target

openstack_ha_swift_devices_root:
  file.directory:
    - name: {{ ha.swift.devices.root }}
    - user: root
    - group: root
    - mode: '0755'
    - makedirs: true
{%- for name in ha.self.get("storage", {}).get("devices", {}) %}

openstack_ha_swift_device_{{ name }}:
  openstack_ha_swift_device.mounted:
    - name: {{ name }}
    - require:
      - pkg: openstack_ha_swift_storage_packages
      - file: openstack_ha_swift_devices_unit
      - file: openstack_ha_swift_devices_root
      - module: openstack_ha_swift_devices_units_read
{%- endfor %}
