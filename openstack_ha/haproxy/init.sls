include:
  - openstack_ha.haproxy.install
  - openstack_ha.haproxy.config
  - openstack_ha.haproxy.service
