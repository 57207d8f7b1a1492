# The package is there, and starts nothing that is not configured.
{%- from "openstack_ha/map.jinja" import ha, os with context %}

openstack_ha_glance_unit:
  file.managed:
    - name: {{ os.glance.drop_in }}
    - source: salt://openstack_ha/glance/files/unit.conf.jinja
    - template: jinja
    - context:
        ha: {{ ha | json }}
        os: {{ os | json }}
    - user: root
    - group: root
    - mode: '0644'
    - makedirs: true

openstack_ha_glance_unit_read:
  module.run:
    - service.systemctl_reload: []
    - onchanges:
      - file: openstack_ha_glance_unit

openstack_ha_glance_packages:
  pkg.installed:
    - pkgs: {{ os.glance.packages | json }}
    - require:
      - module: openstack_ha_glance_unit_read
