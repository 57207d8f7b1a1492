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
    - require:
      - sysctl: openstack_ha_haproxy_nonlocal_bind
    - watch:
      - file: openstack_ha_haproxy_config
      - file: openstack_ha_haproxy_unit
