# Nodes that have booted come back together, one system after the other. The runner
# openstack_ha_rejoin says which nodes and steps; what failed, and for whom, it reads in the return.
{%- set rejoin = pillar["openstack_ha_rejoin"] %}

openstack_ha_rejoin_sync:
  salt.function:
    - name: saltutil.sync_all
    - tgt: {{ rejoin.nodes | json }}
    - tgt_type: list
    - expect_minions: True
    - timeout: 60
{%- for step in rejoin.steps %}

openstack_ha_rejoin_{{ step.system }}:
  salt.state:
    - tgt: {{ step.nodes | json }}
    - tgt_type: list
    - sls: openstack_ha.{{ step.system }}
    - queue: True
    - timeout: 60
    - require:
      - salt: openstack_ha_rejoin_{{ "sync" if loop.first else loop.previtem.system }}
{%- endfor %}
