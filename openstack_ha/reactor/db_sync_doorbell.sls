# A service waits for its schema. The event only says where to look: the runner takes no more from it
# than the name of one of its own clusters.
openstack_ha_db_sync_answer:
  runner.openstack_ha_db_sync.answer:
    - args:
        name: {{ tag.split("/")[1] | json }}
