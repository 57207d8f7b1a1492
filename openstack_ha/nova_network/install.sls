# What nova-network calls.
{%- from "openstack_ha/map.jinja" import os with context %}

include:
  - openstack_ha.guard

openstack_ha_nova_network_packages:
  pkg.installed:
    - pkgs: {{ os.nova_network.packages | json }}
{%- for name in ("brctl", "ebtables") %}

openstack_ha_nova_network_{{ name }}:
  file.managed:
    - name: {{ os.nova.wrappers }}/{{ name }}
    - source: salt://openstack_ha/nova/files/{{ name }}
    - user: root
    - group: root
    - mode: '0755'
    - makedirs: true
{%- endfor %}
