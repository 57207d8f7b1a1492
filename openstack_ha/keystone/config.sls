# What Keystone reads, and what its operators' client reads.
{%- from "openstack_ha/map.jinja" import os with context %}
{%- set service, programs = "keystone", [] %}
{%- set place = {"pkg": "openstack_ha_keystone_packages"} %}

include:
  - openstack_ha.oslo
  - openstack_ha.turn
  - openstack_ha.uwsgi
  - openstack_ha.keystone.install

{%- include "openstack_ha/api/config.jinja" %}
{%- for name in ("clouds.yaml", "openrc") %}

openstack_ha_keystone_{{ name }}:
  file.managed:
    - name: {{ os.keystone.clients_folder }}/{{ name }}
    - source: salt://openstack_ha/keystone/files/{{ name }}.jinja
    - template: jinja
    - context:
        client: {{ salt["openstack_ha_keystone.clients"]() | json }}
    - user: root
    - group: root
    - mode: '0600'
    - makedirs: true
    - show_changes: false
{%- endfor %}
