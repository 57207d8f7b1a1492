# MariaDB Galera: a Synced member of the controllers' cluster.
include:
  - openstack_ha.galera.install
  - openstack_ha.galera.config
  - openstack_ha.galera.service
