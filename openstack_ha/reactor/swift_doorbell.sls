# A node lacks rings, or their owner has built some. The event only says where to look: the runner
# takes no more from it than the name of one of its own clusters.
openstack_ha_swift_answer:
  runner.openstack_ha_swift.answer:
    - args:
        name: {{ tag.split("/")[1] | json }}
