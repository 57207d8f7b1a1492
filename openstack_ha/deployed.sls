# The end of a whole highstate: from now on the master brings this node back after a boot.
{%- from "openstack_ha/map.jinja" import ha with context %}
{%- set marks = salt["openstack_ha_rejoin.marks"]() %}
{%- for name, path in marks.items() %}

openstack_ha_{{ name }}:
  file.managed:
    - name: {{ path }}
    - contents: ''
    - replace: False
    - mode: '0644'
    - makedirs: True
    - require:
{%- for other in salt["openstack_ha.includes"]() if other != sls %}
      - sls: {{ other }}
{%- endfor %}
{%- endfor %}
{#- A plain pillar has no version. #}
{%- if "version" in ha %}

openstack_ha_applied:
  file.managed:
    - name: {{ salt["openstack_ha_applied.path"]() }}
    - contents: '{{ ha.version }}'
    - mode: '0644'
    - makedirs: True
    - require:
      - file: openstack_ha_deployed
{%- endif %}
