# The controllers know one another by name without asking a resolver: brokers need it to meet.
{%- from "openstack_ha/map.jinja" import ha with context %}

include:
  - openstack_ha.guard

openstack_ha_hosts_vip:
  host.present:
    - name: {{ ha.vip.fqdn }}
    - ip: {{ ha.vip.address }}
    - clean: True
{%- for node in ha.nodes.values() %}

openstack_ha_hosts_{{ node.hostname }}:
  host.present:
    - name: {{ node.hostname }}
    - ip: {{ node.address }}
    - clean: True
{%- endfor %}
