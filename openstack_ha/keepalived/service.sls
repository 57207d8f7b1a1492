{%- from "openstack_ha/map.jinja" import ha, os with context %}

include:
  - openstack_ha.keepalived.config

# One that the others do not know yet would take the VIP beside its holder.
openstack_ha_keepalived_known:
  openstack_ha_keepalived.known:
    - name: {{ ha.name }}
    - require:
      - sls: openstack_ha.keepalived.config

openstack_ha_keepalived_service:
  service.running:
    - name: {{ os.keepalived.service }}
    - enable: true
    - require:
      - sls: openstack_ha.turn
      - openstack_ha_keepalived: openstack_ha_keepalived_known
{#- A reload (SIGHUP) keeps the VIP; a new unit costs a restart, which gives it away. #}
{%- set service, patience = "keepalived", 900 %}
{%- set place = {"service": "openstack_ha_keepalived_service"} %}
{%- set files = "openstack_ha.keepalived.config" %}
{%- include "openstack_ha/turn/renewed.jinja" %}
{%- set part, place = "keepalived", {"service": "openstack_ha_keepalived_service"} %}
{%- include "openstack_ha/remembered.jinja" %}
