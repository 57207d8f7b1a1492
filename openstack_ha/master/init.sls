# The salt-master of a cluster. Once, on the master itself:
#   salt-call --local --file-root=/srv/formula state.apply openstack_ha.master
include:
  - openstack_ha.master.install
  - openstack_ha.master.config
  - openstack_ha.master.service
