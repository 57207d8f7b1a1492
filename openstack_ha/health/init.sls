include:
  - openstack_ha.health.install
  - openstack_ha.health.config
  - openstack_ha.health.service
