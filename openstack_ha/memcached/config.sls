{%- from "openstack_ha/map.jinja" import ha, os with context %}

include:
  - openstack_ha.turn
  - openstack_ha.memcached.install

openstack_ha_memcached_config:
  file.managed:
    - name: {{ os.memcached.config }}
    - source: salt://openstack_ha/memcached/files/memcached.conf.jinja
    - template: jinja
    - context:
        ha: {{ ha | json }}
        os: {{ os | json }}
    - user: root
    - group: root
    - mode: '0644'
    - require:
      - pkg: openstack_ha_memcached_packages
{%- set service, reads, packages = "memcached", [], os.memcached.packages %}
{%- set starts = [os.memcached.drop_in, os.memcached.config] %}
{%- include "openstack_ha/turn/files.jinja" %}
