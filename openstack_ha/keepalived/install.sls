{%- from "openstack_ha/map.jinja" import ha, os with context %}

include:
  - openstack_ha.haproxy.install

openstack_ha_keepalived_unit:
  file.managed:
    - name: {{ os.keepalived.drop_in }}
    - source: salt://openstack_ha/keepalived/files/unit.conf.jinja
    - template: jinja
    - context:
        os: {{ os | json }}
    - user: root
    - group: root
    - mode: '0644'
    - makedirs: true

openstack_ha_keepalived_unit_read:
  module.run:
    - service.systemctl_reload: []
    - onchanges:
      - file: openstack_ha_keepalived_unit

# Debian's unit starts only where there is a configuration, so the package's own start does
# nothing yet.
openstack_ha_keepalived_packages:
  pkg.installed:
    - pkgs: {{ os.keepalived.packages | json }}
    - require:
      - module: openstack_ha_keepalived_unit_read

# The check's user has one right: to ask HAProxy's check socket.
openstack_ha_keepalived_script_user:
  user.present:
    - name: {{ os.keepalived.script_user }}
    - system: true
    - gid: {{ os.haproxy.check_group }}
    - usergroup: false
    - home: /nonexistent
    - createhome: false
    - shell: /usr/sbin/nologin
    - require:
      - group: openstack_ha_haproxy_check_group
