# Placement: what compute nodes have to give. Stateless, one on each controller, behind HAProxy.
include:
  - openstack_ha.placement.install
  - openstack_ha.placement.config
  - openstack_ha.placement.service
