# The package is there, and cannot start a broker that this formula has not configured.
{%- from "openstack_ha/map.jinja" import ha, os with context %}

include:
  - openstack_ha.guard

# Before the package: an unconfigured broker makes a database of its own, and so never joins.
openstack_ha_rabbitmq_unit:
  file.managed:
    - name: {{ os.rabbitmq.unit_drop_in }}
    - source: salt://openstack_ha/rabbitmq/files/unit.conf.jinja
    - template: jinja
    - context:
        ha: {{ ha | json }}
        os: {{ os | json }}
    - user: root
    - group: root
    - mode: '0644'
    - makedirs: True

# Before the package too: installing it opens the socket.
openstack_ha_rabbitmq_epmd:
  file.managed:
    - name: {{ os.rabbitmq.epmd_drop_in }}
    - source: salt://openstack_ha/rabbitmq/files/epmd.socket.conf.jinja
    - template: jinja
    - context:
        ha: {{ ha | json }}
    - user: root
    - group: root
    - mode: '0644'
    - makedirs: True

openstack_ha_rabbitmq_units_read:
  module.run:
    - service.systemctl_reload: []
    - onchanges:
      - file: openstack_ha_rabbitmq_unit
      - file: openstack_ha_rabbitmq_epmd

openstack_ha_rabbitmq_package:
  pkg.installed:
    - pkgs: {{ os.rabbitmq.packages | json }}
    - require:
      - file: openstack_ha_rabbitmq_unit
      - file: openstack_ha_rabbitmq_epmd
      - module: openstack_ha_rabbitmq_units_read
