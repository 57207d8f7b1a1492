# The proxy's programs run.
{%- from "openstack_ha/map.jinja" import os with context %}

include:
  - openstack_ha.swift.served
  - openstack_ha.swift.proxy.config
{%- for program, facts in salt["openstack_ha_swift_conf.programs"]("proxy").items() %}

# A server is reloaded, a daemon restarted; neither costs a request.
openstack_ha_swift_{{ program }}_service:
  service.running:
    - name: {{ os.swift.units[program] }}
    - enable: true
    - reload: {{ facts.is_server | json }}
    - require:
      - sls: openstack_ha.swift.served
      - sls: openstack_ha.swift.proxy.config
    - watch:
      - file: openstack_ha_swift_{{ facts.config }}
{%- endfor %}
