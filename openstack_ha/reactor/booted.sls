# Nodes of a cluster have booted. The event only says where to look: the runner takes no more from
# it than the name of one of its own clusters.
openstack_ha_booted:
  runner.openstack_ha_rejoin.answer:
    - args:
        name: {{ tag.split("/")[1] | json }}
