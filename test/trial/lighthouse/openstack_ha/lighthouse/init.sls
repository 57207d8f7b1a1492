# A lighthouse, of which one in the cluster burns; by the master's word.
{%- from "openstack_ha/map.jinja" import ha with context %}

openstack_ha_lighthouse_unit:
  file.managed:
    - name: /etc/systemd/system/openstack-ha-lighthouse@.service
    - source: salt://openstack_ha/lighthouse/files/lighthouse.service
    - user: root
    - group: root
    - mode: '0644'

openstack_ha_lighthouse_unit_read:
  module.run:
    - service.systemctl_reload: []
    - onchanges:
      - file: openstack_ha_lighthouse_unit

openstack_ha_lighthouse_lit:
  openstack_ha_lighthouse.lit:
    - name: {{ ha.name }}
    - patience: {{ ha.lighthouse.patience }}
    - require:
      - module: openstack_ha_lighthouse_unit_read
