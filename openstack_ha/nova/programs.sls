# Nova's programs, as the master has built them (openstack_ha.nova.wheels).
{%- from "openstack_ha/map.jinja" import ha, os with context %}
{%- import_yaml "openstack_ha/nova/wheels.yaml" as nova %}

include:
  - openstack_ha.guard

openstack_ha_nova_programs:
  openstack_ha_wheels.unpacked:
    - name: {{ os.nova_wheels.folder }}
    - label: nova
    - wheels: {{ nova | json }}
    - built_by: openstack_ha.nova.wheels
    - release: {{ ha.nova.get("wheels") | json }}
