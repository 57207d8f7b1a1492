# A proxy of Swift, and the daemons that work through a proxy of their own.
include:
  - openstack_ha.swift.proxy.install
  - openstack_ha.swift.proxy.config
  - openstack_ha.swift.proxy.service
