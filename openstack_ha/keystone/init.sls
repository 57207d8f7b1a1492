# Keystone: who is who. Stateless, one on each controller, behind HAProxy.
include:
  - openstack_ha.keystone.install
  - openstack_ha.keystone.config
  - openstack_ha.keystone.service
