# What the broker reads at its start.
{%- from "openstack_ha/map.jinja" import ha, os with context %}
{%- set files = "salt://openstack_ha/rabbitmq/files/" %}

include:
  - openstack_ha.turn
  - openstack_ha.rabbitmq.install

openstack_ha_rabbitmq_cookie:
  file.managed:
    - name: {{ os.rabbitmq.cookie }}
    - source: {{ files }}erlang.cookie.jinja
    - template: jinja
    - user: rabbitmq
    - group: rabbitmq
    - mode: '0400'
    - show_changes: False
    - require:
      - pkg: openstack_ha_rabbitmq_package

openstack_ha_rabbitmq_environment:
  file.managed:
    - name: {{ os.rabbitmq.environment }}
    - source: {{ files }}rabbitmq-env.conf.jinja
    - template: jinja
    - context:
        ha: {{ ha | json }}
    - user: root
    - group: rabbitmq
    - mode: '0640'
    - require:
      - pkg: openstack_ha_rabbitmq_package

openstack_ha_rabbitmq_plugins:
  file.managed:
    - name: {{ os.rabbitmq.plugins }}
    - source: {{ files }}enabled_plugins.jinja
    - user: rabbitmq
    - group: rabbitmq
    - mode: '0640'
    - require:
      - pkg: openstack_ha_rabbitmq_package

# The last one: its presence is what lets the unit start.
openstack_ha_rabbitmq_config:
  file.managed:
    - name: {{ os.rabbitmq.config }}
    - source: {{ files }}rabbitmq.conf.jinja
    - template: jinja
    - context:
        ha: {{ ha | json }}
    - user: root
    - group: rabbitmq
    - mode: '0640'
    - require:
      - file: openstack_ha_rabbitmq_cookie
      - file: openstack_ha_rabbitmq_environment
      - file: openstack_ha_rabbitmq_plugins
{%- set service, reads, packages = "rabbitmq", [], os.rabbitmq.packages %}
{%- set starts = [
      os.rabbitmq.unit_drop_in,
      os.rabbitmq.environment,
      os.rabbitmq.plugins,
      os.rabbitmq.config,
    ] %}
{%- include "openstack_ha/turn/files.jinja" %}
