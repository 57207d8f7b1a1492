# The node is gateway, DHCP server and translator of addresses for its own machines.
include:
  - openstack_ha.nova_network.install
  - openstack_ha.nova_network.config
  - openstack_ha.nova_network.service
