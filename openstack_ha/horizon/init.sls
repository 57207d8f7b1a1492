# Horizon: what people see of the cloud. Stateless, one on each controller, behind HAProxy.
include:
  - openstack_ha.horizon.install
  - openstack_ha.horizon.config
  - openstack_ha.horizon.service
