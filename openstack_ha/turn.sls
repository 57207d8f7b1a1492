# What units leave of that with which they start, so that a later look sees what is outdated.
{%- from "openstack_ha/map.jinja" import os with context %}

openstack_ha_turn_program:
  file.managed:
    - name: {{ os.turn.program }}
    - source: salt://openstack_ha/files/started-with
    - user: root
    - group: root
    - mode: '0755'
    - makedirs: true
