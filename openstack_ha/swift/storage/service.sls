# The storage's programs run.
{%- from "openstack_ha/map.jinja" import ha, os with context %}

include:
  - openstack_ha.swift.served
  - openstack_ha.swift.storage.config
{%- set role, patience = "storage", ha.swift.patience %}
{%- include "openstack_ha/swift/renewed.jinja" %}

# No client waits for it; a copy that is cut off is made by the next pass.
openstack_ha_swift_rsync_service:
  service.running:
    - name: {{ os.swift_storage.rsync_service }}
    - enable: true
    - watch:
      - file: openstack_ha_swift_storage_rsync_unit
      - file: openstack_ha_swift_rsync_config

openstack_ha_swift_drive_audit_timer_service:
  service.running:
    - name: {{ os.swift_storage.drive_audit }}.timer
    - enable: true
    - require:
      - sls: openstack_ha.swift.storage.config
    - watch:
      - file: openstack_ha_swift_drive_audit_timer

# The packages enable some that would only fail.
{%- for program in salt["openstack_ha_swift_conf.programs"]("idle") %}

openstack_ha_swift_{{ program }}_idle:
  service.dead:
    - name: {{ os.swift.units[program] }}
    - enable: false
    - require:
      - sls: openstack_ha.swift.storage.config
{%- endfor %}
{%- set part, place = "swift.storage", {"service": "openstack_ha_swift_object-server_service"} %}
{%- include "openstack_ha/remembered.jinja" %}
