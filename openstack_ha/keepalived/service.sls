{%- from "openstack_ha/map.jinja" import ha, os with context %}

include:
  - openstack_ha.keepalived.config

# Reloaded (SIGHUP), never restarted: a restart gives the VIP away.
openstack_ha_keepalived_service:
  service.running:
    - name: {{ os.keepalived.service }}
    - enable: true
    - reload: true
    - watch:
      - file: openstack_ha_keepalived_config
      - file: openstack_ha_keepalived_unit
