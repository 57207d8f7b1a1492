{%- from "openstack_ha/map.jinja" import os with context %}

include:
  - openstack_ha.haproxy.config

openstack_ha_haproxy_service:
  service.running:
    - name: {{ os.haproxy.service }}
    - enable: true
    - require:
      - sls: openstack_ha.turn
      - sls: openstack_ha.haproxy.config
{#- A reload has a new worker take over the listening sockets, and the old one serve its connections
    to their end. A new unit costs a restart; keepalived hands the VIP over before. #}
{%- set service, patience = "haproxy", 900 %}
{%- set place, files = {"service": "openstack_ha_haproxy_service"}, "openstack_ha.haproxy.config" %}
{%- include "openstack_ha/turn/renewed.jinja" %}
