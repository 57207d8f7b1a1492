{%- from "openstack_ha/map.jinja" import ha, os with context %}

include:
  - openstack_ha.turn
  - openstack_ha.keepalived.install

openstack_ha_keepalived_check:
  file.managed:
    - name: {{ os.keepalived.script }}
    - source: salt://openstack_ha/keepalived/files/check-haproxy.jinja
    - template: jinja
    - context:
        os: {{ os | json }}
    - user: root
    - group: root
    - mode: '0755'
    - makedirs: true
    - require:
      - pkg: openstack_ha_keepalived_packages

openstack_ha_keepalived_config_check:
  file.managed:
    - name: {{ os.keepalived.config_check }}
    - source: salt://openstack_ha/keepalived/files/check-keepalived-config
    - user: root
    - group: root
    - mode: '0755'
    - makedirs: true

openstack_ha_keepalived_config:
  file.managed:
    - name: {{ os.keepalived.config }}
    - source: salt://openstack_ha/keepalived/files/keepalived.conf.jinja
    - template: jinja
    - context:
        ha: {{ ha | json }}
        os: {{ os | json }}
    - user: root
    - group: root
    - mode: '0644'
    - check_cmd: {{ os.keepalived.config_check }}
    - require:
      - pkg: openstack_ha_keepalived_packages
      - user: openstack_ha_keepalived_script_user
      - file: openstack_ha_keepalived_check
      - file: openstack_ha_keepalived_config_check
{%- set service, packages = "keepalived", os.keepalived.packages %}
{%- set starts = [os.keepalived.drop_in] %}
{%- set reads = [os.keepalived.config, os.keepalived.script] %}
{%- include "openstack_ha/turn/files.jinja" %}
