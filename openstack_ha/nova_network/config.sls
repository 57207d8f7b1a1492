# The kernel and the interface of a node that carries machines' frames.
{%- from "openstack_ha/map.jinja" import ha, os with context %}

include:
  - openstack_ha.nova.config
  - openstack_ha.nova_network.install

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

openstack_ha_nova_network_interface:
  openstack_ha_nova_network.interface_free:
    - name: {{ ha.nova_network.interface }}
