# What tries the configuration of a service before the service has it.
{%- from "openstack_ha/map.jinja" import os with context %}

openstack_ha_oslo_config_check:
  file.managed:
    - name: {{ os.oslo.config_check }}
    - source: salt://openstack_ha/files/check-oslo-config.py
    - user: root
    - group: root
    - mode: '0644'
    - makedirs: true
