{%- from "openstack_ha/map.jinja" import os with context %}

include:
  - openstack_ha.memcached.config

# A restart forgets a share of the tokens, so there is one only for a changed configuration.
openstack_ha_memcached_service:
  service.running:
    - name: {{ os.memcached.service }}
    - enable: true
    - watch:
      - file: openstack_ha_memcached_unit
      - file: openstack_ha_memcached_config
