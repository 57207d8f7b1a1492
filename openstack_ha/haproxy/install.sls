{%- from "openstack_ha/map.jinja" import ha, os with context %}

include:
  - openstack_ha.guard

# The drop-in stands before the package does, so that the package's own start finds a unit
# that waits for the configuration of this formula.
openstack_ha_haproxy_unit:
  file.managed:
    - name: {{ os.haproxy.drop_in }}
    - source: salt://openstack_ha/haproxy/files/unit.conf.jinja
    - template: jinja
    - context:
        os: {{ os | json }}
    - user: root
    - group: root
    - mode: '0644'
    - makedirs: true

openstack_ha_haproxy_unit_read:
  module.run:
    - service.systemctl_reload: []
    - onchanges:
      - file: openstack_ha_haproxy_unit

openstack_ha_haproxy_packages:
  pkg.installed:
    - pkgs: {{ os.haproxy.packages | json }}
    - require:
      - module: openstack_ha_haproxy_unit_read

# Who may ask the socket for the process's health, and nothing else.
openstack_ha_haproxy_check_group:
  group.present:
    - name: {{ os.haproxy.check_group }}
    - system: true
