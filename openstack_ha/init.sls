# What the node's roles ask for.
include: {{ salt["openstack_ha.includes"]() | json }}
