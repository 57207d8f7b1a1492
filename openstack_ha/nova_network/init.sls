# The node is gateway, DHCP server and translator of addresses for its own machines.
{%- from "openstack_ha/map.jinja" import ha, os with context %}
{%- set service = "nova_network" %}

include:
  - openstack_ha.turn
  - openstack_ha.nova.config

openstack_ha_nova_network_packages:
  pkg.installed:
    - pkgs: {{ os.nova_network.packages | json }}

# A bridge passes frames to iptables, which is where security groups are; else they let all pass.
openstack_ha_nova_network_modules:
  file.managed:
    - name: {{ os.nova_network.modules }}
    - contents: br_netfilter
    - user: root
    - group: root
    - mode: '0644'
    - makedirs: true

openstack_ha_nova_network_module:
  cmd.run:
    - name: modprobe br_netfilter
    - unless: test -e /proc/sys/net/bridge

openstack_ha_nova_network_filtered:
  sysctl.present:
    - name: net.bridge.bridge-nf-call-iptables
    - value: 1
    - config: {{ os.nova_network.sysctl }}
    - require:
      - cmd: openstack_ha_nova_network_module
{%- for name in ("brctl", "ebtables") %}

openstack_ha_nova_network_{{ name }}:
  file.managed:
    - name: {{ os.nova.wrappers }}/{{ name }}
    - source: salt://openstack_ha/nova/files/{{ name }}
    - user: root
    - group: root
    - mode: '0755'
    - makedirs: true
    - require_in:
      - service: openstack_ha_nova_network_service
{%- endfor %}

openstack_ha_nova_network_interface:
  openstack_ha_nova_network.interface_free:
    - name: {{ ha.nova_network.interface }}
    - require_in:
      - service: openstack_ha_nova_network_service

{%- include "openstack_ha/nova/at_once.jinja" %}
