# The broker runs, is a member of the controllers' one cluster, and serves what the pillar asks.
{%- from "openstack_ha/map.jinja" import ha, os with context %}

include:
  - openstack_ha.rabbitmq.config

openstack_ha_rabbitmq_service:
  service.enabled:
    - name: {{ os.rabbitmq.service }}
    - require:
      - file: openstack_ha_rabbitmq_config

openstack_ha_rabbitmq_member:
  openstack_ha_rabbitmq.member_present:
    - name: {{ ha.name }}
    - require:
      - service: openstack_ha_rabbitmq_service

# One broker at a time, and only while the others carry the queues: see the state's description.
openstack_ha_rabbitmq_loaded:
  openstack_ha_rabbitmq.config_loaded:
    - name: {{ os.rabbitmq.service }}
    - files:
      - {{ os.rabbitmq.unit_drop_in }}
      - {{ os.rabbitmq.environment }}
      - {{ os.rabbitmq.plugins }}
      - {{ os.rabbitmq.config }}
    - require:
      - openstack_ha_rabbitmq: openstack_ha_rabbitmq_member
    - watch:
      - file: openstack_ha_rabbitmq_unit
      - file: openstack_ha_rabbitmq_environment
      - file: openstack_ha_rabbitmq_plugins
      - file: openstack_ha_rabbitmq_config

openstack_ha_rabbitmq_definitions:
  openstack_ha_rabbitmq.definitions_managed:
    - name: {{ os.rabbitmq.service }}
    - series: '{{ os.rabbitmq.series }}'
    - require:
      - openstack_ha_rabbitmq: openstack_ha_rabbitmq_loaded
