# The proxy's programs run.
include:
  - openstack_ha.swift.served
  - openstack_ha.swift.proxy.config
{%- set role, patience = "proxy", 900 %}
{%- include "openstack_ha/swift/renewed.jinja" %}
