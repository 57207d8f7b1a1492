# The broker runs, is a member of the controllers' one cluster, and serves what the pillar asks.
{%- from "openstack_ha/map.jinja" import ha, os with context %}

include:
  - openstack_ha.rabbitmq.config

openstack_ha_rabbitmq_service:
  service.enabled:
    - name: {{ os.rabbitmq.service }}
    - require:
      - sls: openstack_ha.turn
      - sls: openstack_ha.rabbitmq.config

openstack_ha_rabbitmq_member:
  openstack_ha_rabbitmq.member_present:
    - name: {{ ha.name }}
    - require:
      - service: openstack_ha_rabbitmq_service
{#- One broker at a time, and only while the others carry its queues. #}
{%- set service, patience = "rabbitmq", 900 %}
{%- set place = {"openstack_ha_rabbitmq": "openstack_ha_rabbitmq_member"} %}
{%- set files = "openstack_ha.rabbitmq.config" %}
{%- include "openstack_ha/turn/renewed.jinja" %}

openstack_ha_rabbitmq_definitions:
  openstack_ha_rabbitmq.definitions_managed:
    - name: {{ os.rabbitmq.service }}
    - series: '{{ os.rabbitmq.series }}'
    - require:
      - openstack_ha_turn: openstack_ha_rabbitmq_renewed
{%- set part, place = "rabbitmq", {"openstack_ha_rabbitmq": "openstack_ha_rabbitmq_definitions"} %}
{%- include "openstack_ha/remembered.jinja" %}
