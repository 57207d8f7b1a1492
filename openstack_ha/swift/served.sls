# What all servers read is there, and read: the rings, which the master brings, and swift.conf.
{%- from "openstack_ha/map.jinja" import ha, os with context %}

include:
  - openstack_ha.swift.config

openstack_ha_swift_rings_present:
  openstack_ha_swift.rings_present:
    - name: {{ ha.name }}
    - patience: {{ ha.swift.patience }}
    - require:
      - sls: openstack_ha.swift.config

# Of whichever role: the next one is perhaps not applied in this run.
openstack_ha_swift_reread:
  cmd.run:
    - name: systemctl try-reload-or-restart {{ os.swift.unit_patterns | join(' ') }}
    - onchanges:
      - file: openstack_ha_swift_swift.conf
{%- for program in salt["openstack_ha_swift_conf.programs"]() %}
      - file: openstack_ha_swift_{{ program }}_unit
{%- endfor %}
    - require:
      - openstack_ha_swift: openstack_ha_swift_rings_present
