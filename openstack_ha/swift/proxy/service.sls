# The proxy's programs run.
{%- from "openstack_ha/map.jinja" import os with context %}

include:
  - openstack_ha.swift.served
  - openstack_ha.swift.proxy.config
{%- for program, facts in salt["openstack_ha_swift_conf.programs"]("proxy").items() %}

# A daemon is restarted at once; the server waits for its turn.
openstack_ha_swift_{{ program }}_service:
  service.running:
    - name: {{ os.swift.units[program] }}
    - enable: true
    - require:
      - sls: openstack_ha.turn
      - sls: openstack_ha.swift.served
      - sls: openstack_ha.swift.proxy.config
{%- if not facts.turn %}
    - watch:
      - file: openstack_ha_swift_{{ facts.config }}
{%- endif %}
{%- endfor %}
{%- set service, patience = "swift.proxy", 900 %}
{%- set place = {"service": "openstack_ha_swift_proxy-server_service"} %}
{%- set files = "openstack_ha.swift.proxy.config" %}
{%- include "openstack_ha/turn/renewed.jinja" %}
