# A broker, or the master itself, asks for a look at RabbitMQ. The event only says where: the runner
# takes no more from it than the name of one of its own clusters.
openstack_ha_rabbitmq_answer:
  runner.openstack_ha_rabbitmq.answer:
    - args:
        name: {{ tag.split("/")[1] | json }}
