# The salt-master of a cluster. Once, and after each update of the formula, on the master itself:
#   salt-call --local state.apply openstack_ha.master
include:
  - openstack_ha.master.preflight
  - openstack_ha.master.install
  - openstack_ha.master.config
  - openstack_ha.master.service
  - openstack_ha.master.minions
