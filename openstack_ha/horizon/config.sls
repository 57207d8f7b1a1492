# What Horizon reads, and the static files of its version.
{%- from "openstack_ha/map.jinja" import ha, os with context %}
{%- set service, programs = "horizon", ["openstack_ha-application.py"] %}
{%- set place = {"pkg": "openstack_ha_horizon_packages"} %}
{%- set others = [os.horizon.first_settings, os.horizon.settings, os.horizon.static_made_of] %}

include:
  - openstack_ha.turn
  - openstack_ha.uwsgi
  - openstack_ha.horizon.install

openstack_ha_horizon_first_settings:
  file.managed:
    - name: {{ os.horizon.first_settings }}
    - source: salt://openstack_ha/horizon/files/local_settings.py
    - user: root
    - group: {{ os.horizon.group }}
    - mode: '0644'
    - require:
      - {{ place | json }}

openstack_ha_horizon_settings:
  openstack_ha_template.written:
    - name: {{ os.horizon.settings }}
    - source: salt://openstack_ha/horizon/files/settings.py.jinja
    - context:
        statements: {{ salt["openstack_ha_horizon.statements"]() | json }}
    - group: {{ os.horizon.group }}
    - require:
      - {{ place | json }}

openstack_ha_horizon_static:
  openstack_ha_horizon.static:
    - name: {{ os.horizon.static }}
    - made_of: {{ os.horizon.static_made_of }}
    - program: {{ os.horizon.program }}
    - sources:
      - {{ os.horizon.plugins }}
{%- for package in os.horizon.packages %}
      - {{ os.turn.packages_folder }}/{{ package }}.md5sums
{%- endfor %}
    - require:
      - file: openstack_ha_horizon_first_settings
      - openstack_ha_template: openstack_ha_horizon_settings
{%- include "openstack_ha/api/config.jinja" %}
