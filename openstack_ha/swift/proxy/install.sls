# The proxy's packages.
{%- from "openstack_ha/map.jinja" import os with context %}

include:
  - openstack_ha.swift.install

openstack_ha_swift_proxy_packages:
  pkg.installed:
    - pkgs: {{ os.swift_proxy.packages | json }}
    - require:
      - pkg: openstack_ha_swift_packages
