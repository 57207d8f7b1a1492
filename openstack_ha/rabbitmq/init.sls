# RabbitMQ: one broker on each controller, all of them one cluster.
include:
  - openstack_ha.rabbitmq.install
  - openstack_ha.rabbitmq.config
  - openstack_ha.rabbitmq.service
