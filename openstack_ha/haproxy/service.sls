{%- from "openstack_ha/map.jinja" import ha, os with context %}

include:
  - openstack_ha.haproxy.config

# Reloaded, never restarted: a new worker takes over the listening sockets, the old one
# serves its connections to their end.
openstack_ha_haproxy_service:
  service.running:
    - name: {{ os.haproxy.service }}
    - enable: true
    - reload: true
    - watch:
      - sls: openstack_ha.haproxy.config
      - file: openstack_ha_haproxy_unit
