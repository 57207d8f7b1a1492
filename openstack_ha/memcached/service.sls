{%- from "openstack_ha/map.jinja" import os with context %}

include:
  - openstack_ha.memcached.config

openstack_ha_memcached_service:
  service.running:
    - name: {{ os.memcached.service }}
    - enable: true
    - require:
      - sls: openstack_ha.turn
      - sls: openstack_ha.memcached.config
{#- A restart forgets a share of the tokens. #}
{%- set service, patience = "memcached", 900 %}
{%- set place, files = {"service": "openstack_ha_memcached_service"}, "openstack_ha.memcached.config" %}
{%- include "openstack_ha/turn/renewed.jinja" %}
