# The storage's packages.
{%- from "openstack_ha/map.jinja" import os with context %}

include:
  - openstack_ha.swift.install

openstack_ha_swift_storage_rsync_unit:
  file.managed:
    - name: /etc/systemd/system/{{ os.swift_storage.rsync_service }}.service.d/openstack_ha.conf
    - source: salt://openstack_ha/swift/storage/files/rsync.conf.jinja
    - template: jinja
    - context:
        os: {{ os | json }}
    - user: root
    - group: root
    - mode: '0644'
    - makedirs: true
    - onchanges_in:
      - module: openstack_ha_swift_units_read

# Before the package, too, whose own plan would unmount devices behind the back of their units.
openstack_ha_swift_drive_audit_cron:
  file.managed:
    - name: {{ os.swift_storage.drive_audit_cron }}
    - source: salt://openstack_ha/swift/storage/files/drive-audit.cron.jinja
    - template: jinja
    - context:
        os: {{ os | json }}
    - user: root
    - group: root
    - mode: '0644'
    - makedirs: true

openstack_ha_swift_storage_packages:
  pkg.installed:
    - pkgs: {{ os.swift_storage.packages | json }}
    - require:
      - file: openstack_ha_swift_storage_rsync_unit
      - file: openstack_ha_swift_drive_audit_cron
      - pkg: openstack_ha_swift_packages
