# A storage node of Swift: its devices, and the account, container and object servers over them.
include:
  - openstack_ha.swift.storage.install
  - openstack_ha.swift.storage.devices
  - openstack_ha.swift.storage.config
  - openstack_ha.swift.storage.service
