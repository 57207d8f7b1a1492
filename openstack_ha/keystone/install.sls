# The package is there, and starts nothing that is not configured and has not the cluster's keys.
{%- from "openstack_ha/map.jinja" import ha, os with context %}

openstack_ha_keystone_unit:
  file.managed:
    - name: {{ os.keystone.drop_in }}
    - source: salt://openstack_ha/keystone/files/unit.conf.jinja
    - template: jinja
    - context:
        ha: {{ ha | json }}
        os: {{ os | json }}
    - user: root
    - group: root
    - mode: '0644'
    - makedirs: true

openstack_ha_keystone_unit_read:
  module.run:
    - service.systemctl_reload: []
    - onchanges:
      - file: openstack_ha_keystone_unit

openstack_ha_keystone_packages:
  pkg.installed:
    - pkgs: {{ os.keystone.packages | json }}
    - require:
      - module: openstack_ha_keystone_unit_read
