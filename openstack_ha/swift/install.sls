# What servers and proxies share: units that start nothing that is not configured, and the packages.
{%- from "openstack_ha/map.jinja" import os with context %}
{%- set programs = salt["openstack_ha_swift_conf.programs"]() %}

include:
  - openstack_ha.guard

# Before the packages, which start their services at once.
{%- for program, facts in programs.items() %}

openstack_ha_swift_{{ program }}_unit:
  file.managed:
    - name: /etc/systemd/system/{{ os.swift.units[program] }}.service.d/openstack_ha.conf
    - source: salt://openstack_ha/swift/files/unit.conf.jinja
    - template: jinja
    - context:
        os: {{ os | json }}
        program: {{ program }}
        config: {{ facts.config }}
        is_server: {{ facts.is_server | json }}
        turn: {{ (facts.turn ~ "." ~ os.swift.units[program] ~ ".service" if facts.turn else none) | json }}
    - user: root
    - group: root
    - mode: '0644'
    - makedirs: true
    - onchanges_in:
      - module: openstack_ha_swift_units_read
    - require_in:
      - pkg: openstack_ha_swift_packages
{%- endfor %}

openstack_ha_swift_replication_unit:
  file.managed:
    - name: {{ os.swift.replication_unit }}
    - source: salt://openstack_ha/swift/files/replication.service.jinja
    - template: jinja
    - context:
        os: {{ os | json }}
    - user: root
    - group: root
    - mode: '0644'
    - onchanges_in:
      - module: openstack_ha_swift_units_read

openstack_ha_swift_units_read:
  module.run:
    - service.systemctl_reload: []

openstack_ha_swift_packages:
  pkg.installed:
    - pkgs: {{ os.swift.packages | json }}
    - require:
      - module: openstack_ha_swift_units_read
