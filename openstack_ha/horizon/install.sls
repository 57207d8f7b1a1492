# The packages are there, and a unit for them, which starts nothing that is not configured.
{%- from "openstack_ha/map.jinja" import os with context %}
{%- set service, unit = "horizon", "horizon/files/unit.jinja" %}

include:
  - openstack_ha.guard

# Before the packages, which make static files of their own at once.
openstack_ha_horizon_one_thread:
  file.managed:
    - name: {{ os.horizon.one_thread }}
    - source: salt://openstack_ha/horizon/files/one_thread.py
    - user: root
    - group: root
    - mode: '0644'
    - makedirs: true
    - require_in:
      - pkg: openstack_ha_horizon_packages

{%- include "openstack_ha/api/install.jinja" %}
