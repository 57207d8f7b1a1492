{%- from "openstack_ha/map.jinja" import ha, os with context %}

include:
  - openstack_ha.guard

openstack_ha_health_packages:
  pkg.installed:
    - pkgs: {{ os.health.packages | json }}

openstack_ha_health_user:
  user.present:
    - name: {{ os.health.user }}
    - system: true
    - usergroup: true
    - home: /nonexistent
    - createhome: false
    - shell: /usr/sbin/nologin

openstack_ha_health_program:
  file.managed:
    - name: {{ os.health.program }}
    - source: salt://openstack_ha/health/files/openstack-ha-health.py
    - user: root
    - group: root
    - mode: '0755'
    - makedirs: true

openstack_ha_health_unit:
  file.managed:
    - name: {{ os.health.unit }}
    - source: salt://openstack_ha/health/files/openstack-ha-health.service.jinja
    - template: jinja
    - context:
        os: {{ os | json }}
    - user: root
    - group: root
    - mode: '0644'

{%- for service, port in [("galera", ha.health.galera_port), ("rabbitmq", ha.health.rabbitmq_port)] %}

openstack_ha_health_{{ service }}_socket_unit:
  file.managed:
    - name: {{ os.health.socket_units[service] }}
    - source: salt://openstack_ha/health/files/openstack-ha-health.socket.jinja
    - template: jinja
    - context:
        listen: {{ ha.self.address }}:{{ port }}
        os: {{ os | json }}
        service: {{ service }}
    - user: root
    - group: root
    - mode: '0644'
{%- endfor %}
