# The proxy of machines' consoles, behind HAProxy; who comes has a token of Nova's.
{%- from "openstack_ha/map.jinja" import os with context %}
{%- set service = "nova.console" %}
{%- include "openstack_ha/nova/turned.jinja" %}

openstack_ha_nova_console_packages:
  pkg.installed:
    - pkgs: {{ os.nova_console.packages | json }}
    - require_in:
      - service: openstack_ha_nova.console_service
