# Glance: images, which are objects in Swift. Stateless, one on each controller, behind HAProxy.
include:
  - openstack_ha.glance.install
  - openstack_ha.glance.config
  - openstack_ha.glance.service
