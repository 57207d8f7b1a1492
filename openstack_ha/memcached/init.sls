# memcached: what controllers and proxies remember for one another, tokens above all.
include:
  - openstack_ha.memcached.install
  - openstack_ha.memcached.config
  - openstack_ha.memcached.service
