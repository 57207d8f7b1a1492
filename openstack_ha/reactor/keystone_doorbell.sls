# A Keystone waits for the master's word. The event only says where to look: the runner takes no
# more from it than the name of one of its own clusters.
openstack_ha_keystone_answer:
  runner.openstack_ha_keystone.answer:
    - args:
        name: {{ tag.split("/")[1] | json }}
