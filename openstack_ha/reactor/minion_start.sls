# A minion has started, perhaps with its host. The event only says where to look: the runner takes
# no more from it than an id, which means something only when it stands in a cluster file.
openstack_ha_minion_start:
  runner.openstack_ha_rejoin.booted:
    - args:
        tag: {{ tag | json }}
