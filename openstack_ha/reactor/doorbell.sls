# A node, or the master itself, asks for a look at a system. The event only says where: the runner
# takes no more from it than the names of one of its own clusters and systems.
openstack_ha_doorbell:
  runner.openstack_ha_coordinator.answer:
    - args:
        name: {{ tag.split("/")[1] | json }}
        system: {{ tag.split("/")[2] | json }}
