# The end of a whole highstate: from now on the master brings this node back after a boot.
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
