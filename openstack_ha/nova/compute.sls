# A node that runs machines.
{%- from "openstack_ha/map.jinja" import ha, os with context %}
{%- set service = "nova.compute" %}
{%- set needs = ["openstack_ha.turn", "openstack_ha.nova.config", "openstack_ha.nova.instances", "openstack_ha.nova.migration"] %}

include:
  - openstack_ha.turn
  - openstack_ha.nova.config
  - openstack_ha.nova.instances
  - openstack_ha.nova.migration

openstack_ha_nova_compute_packages:
  pkg.installed:
    - pkgs: {{ os.nova_compute.packages | json }}

openstack_ha_nova_compute_groups:
  user.present:
    - name: {{ os.nova.user }}
    - groups: {{ os.nova_compute.groups | json }}
    - remove_groups: false
    - require:
      - user: openstack_ha_nova_user
      - pkg: openstack_ha_nova_compute_packages
    - require_in:
      - service: openstack_ha_nova.compute_service

openstack_ha_nova_compute_guests:
  file.managed:
    - name: {{ os.nova_compute.guests_config }}
    - source: salt://openstack_ha/nova/files/libvirt-guests
    - user: root
    - group: root
    - mode: '0644'
    - require:
      - pkg: openstack_ha_nova_compute_packages

openstack_ha_nova_nova-compute.conf:
  openstack_ha_options.written:
    - name: {{ os.nova.folder }}/nova-compute.conf
    - system: nova
    - group: {{ os.nova.group }}
    - options: openstack_ha_nova_conf.compute_file
    - require:
      - file: openstack_ha_nova_folder
      - pkg: openstack_ha_nova_compute_packages
    - require_in:
      - service: openstack_ha_nova.compute_service
    - watch_in:
      - openstack_ha_turn: openstack_ha_nova.compute_renewed
{%- for service in os.nova_compute.services %}

openstack_ha_nova_compute_{{ service }}:
  service.running:
    - name: {{ service }}
    - enable: true
    - require:
      - file: openstack_ha_nova_compute_guests
    - require_in:
      - service: openstack_ha_nova.compute_service
{%- endfor %}

{%- include "openstack_ha/nova/service.jinja" %}

openstack_ha_nova_compute_mapped:
  openstack_ha_nova.host_mapped:
    - name: {{ ha.name }}
    - patience: {{ ha.nova.patience }}
    - require:
      - service: openstack_ha_nova.compute_service
{%- set part, place = "nova.compute", {"openstack_ha_nova": "openstack_ha_nova_compute_mapped"} %}
{%- include "openstack_ha/remembered.jinja" %}
