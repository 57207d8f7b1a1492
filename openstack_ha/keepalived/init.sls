include:
  - openstack_ha.keepalived.install
  - openstack_ha.keepalived.config
  - openstack_ha.keepalived.service
