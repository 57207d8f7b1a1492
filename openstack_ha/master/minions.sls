# What is left to do about the nodes, of which there may be none yet.
openstack_ha_master_minions:
  openstack_ha_preflight.minions_known: []
