# Nova's API, behind HAProxy, and what ends creations that no service carries on.
{%- from "openstack_ha/map.jinja" import os with context %}
{%- set service = "nova.api" %}
{%- include "openstack_ha/nova/turned.jinja" %}

openstack_ha_nova_builds_program:
  file.managed:
    - name: {{ os.nova.builds_program }}
    - source: salt://openstack_ha/nova/files/openstack-ha-nova-builds.py
    - user: root
    - group: root
    - mode: '0644'
    - makedirs: true
