{%- from "openstack_ha/map.jinja" import ha, os with context %}

include:
  - openstack_ha.health.config
{%- for service in ("galera", "rabbitmq") %}

openstack_ha_health_{{ service }}_socket:
  service.running:
    - name: {{ os.health.service }}-{{ service }}.socket
    - enable: true
    - require:
      - file: openstack_ha_health_unit
    - watch:
      - file: openstack_ha_health_{{ service }}_socket_unit
{%- endfor %}

# While it restarts the checks wait in the sockets' queues.
openstack_ha_health_service:
  service.running:
    - name: {{ os.health.service }}.service
    - enable: true
    - require:
      - pkg: openstack_ha_health_packages
      - service: openstack_ha_health_galera_socket
      - service: openstack_ha_health_rabbitmq_socket
    - watch:
      - file: openstack_ha_health_program
      - file: openstack_ha_health_unit
      - file: openstack_ha_health_config
      - file: openstack_ha_health_galera_password
      - file: openstack_ha_health_rabbitmq_password
