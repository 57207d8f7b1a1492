# The rings as files, on the node that builds them. Nothing here is read by Swift's servers.
{%- from "openstack_ha/map.jinja" import ha, os with context %}

include:
  - openstack_ha.guard

openstack_ha_swift_rings_packages:
  pkg.installed:
    - pkgs: {{ os.swift.packages | json }}

openstack_ha_swift_rings_program:
  file.managed:
    - name: {{ os.swift.ring_program }}
    - source: salt://openstack_ha/swift/files/openstack-ha-swift-ring.py
    - user: root
    - group: root
    - mode: '0755'
    - makedirs: true

{%- for ring in ha.swift.rings %}

openstack_ha_swift_rings_{{ ring }}:
  openstack_ha_swift_ring.managed:
    - name: {{ ring }}
    - require:
      - pkg: openstack_ha_swift_rings_packages
      - file: openstack_ha_swift_rings_program
{%- endfor %}
{%- set part, place = "swift.rings", {"openstack_ha_swift_ring": "openstack_ha_swift_rings_object"} %}
{%- include "openstack_ha/remembered.jinja" %}
