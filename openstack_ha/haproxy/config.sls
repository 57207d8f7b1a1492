{%- from "openstack_ha/map.jinja" import ha, os with context %}

include:
  - openstack_ha.turn
  - openstack_ha.haproxy.install

# HAProxy listens on the VIP on every controller, also where the VIP is not.
openstack_ha_haproxy_nonlocal_bind:
  sysctl.present:
    - name: net.ipv4.ip_nonlocal_bind
    - value: 1
    - config: {{ os.haproxy.sysctl }}
    - require:
      - pkg: openstack_ha_haproxy_packages

# A connection whose peer died unheard is given up after 25 s, not after 15 minutes
# (https://bugs.launchpad.net/kolla-ansible/+bug/1917068).
openstack_ha_haproxy_tcp_retries:
  sysctl.present:
    - name: net.ipv4.tcp_retries2
    - value: 6
    - config: {{ os.haproxy.sysctl }}
    - require:
      - pkg: openstack_ha_haproxy_packages

openstack_ha_haproxy_certificate_check:
  file.managed:
    - name: {{ os.haproxy.certificate_check }}
    - source: salt://openstack_ha/haproxy/files/check-certificate
    - user: root
    - group: root
    - mode: '0755'
    - makedirs: true
{%- for path in salt["openstack_ha_haproxy.certificates"](ha, os.haproxy.certificate) %}

# With its key. One that does not fit leaves the old one in its place.
openstack_ha_haproxy_certificate:
  file.managed:
    - name: {{ path }}
    - source: salt://openstack_ha/haproxy/files/certificate.pem.jinja
    - template: jinja
    - context:
        ha: {{ ha | json }}
    - user: root
    - group: root
    - mode: '0600'
    - show_changes: false
    - check_cmd: {{ os.haproxy.certificate_check }} {{ ha.vip.fqdn }}
    - require:
      - pkg: openstack_ha_haproxy_packages
      - file: openstack_ha_haproxy_certificate_check
    - require_in:
      - openstack_ha_template: openstack_ha_haproxy_config
{%- endfor %}

openstack_ha_haproxy_config:
  openstack_ha_template.written:
    - name: {{ os.haproxy.config }}
    - source: salt://openstack_ha/haproxy/files/haproxy.cfg.jinja
    - context:
        ha: {{ ha | json }}
        os: {{ os | json }}
        listeners: {{ salt['openstack_ha_haproxy.listeners'](ha, os.haproxy.certificate) | json }}
        bind_options: {{ salt['openstack_ha_haproxy.bind_options'](ha, os.haproxy.certificate) | json }}
    - tried_by: {{ os.haproxy.binary }} -c -f
    - require:
      - pkg: openstack_ha_haproxy_packages
      - group: openstack_ha_haproxy_check_group
{%- set service, packages = "haproxy", os.haproxy.packages %}
{%- set starts = [os.haproxy.drop_in] %}
{%- set reads = [os.haproxy.config, os.haproxy.certificate] %}
{%- include "openstack_ha/turn/files.jinja" %}
