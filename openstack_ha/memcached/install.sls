{%- from "openstack_ha/map.jinja" import ha, os with context %}

include:
  - openstack_ha.guard

openstack_ha_memcached_unit:
  file.managed:
    - name: {{ os.memcached.drop_in }}
    - source: salt://openstack_ha/memcached/files/unit.conf.jinja
    - template: jinja
    - context:
        ha: {{ ha | json }}
        os: {{ os | json }}
    - user: root
    - group: root
    - mode: '0644'
    - makedirs: true

openstack_ha_memcached_unit_read:
  module.run:
    - service.systemctl_reload: []
    - onchanges:
      - file: openstack_ha_memcached_unit

openstack_ha_memcached_packages:
  pkg.installed:
    - pkgs: {{ os.memcached.packages | json }}
    - require:
      - module: openstack_ha_memcached_unit_read
