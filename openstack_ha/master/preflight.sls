# Nothing that the master's operator has configured is lost by what follows; else it ends here.
{%- import_yaml "openstack_ha/parameters/" ~ grains["osfinger"] ~ ".yaml" as os %}

# The states below are the formula's own. A highstate syncs those by itself, state.apply does not.
{%- do salt["saltutil.sync_all"](refresh=False) %}
openstack_ha_master_own_modules:
  test.nop:
    - reload_modules: True

openstack_ha_master_nothing_lost:
  openstack_ha_preflight.nothing_lost:
    - name: {{ salt["file.dirname"](opts["conf_file"]) }}/master.d/openstack_ha.conf
    - source: salt://openstack_ha/master/files/openstack_ha.conf.jinja
    - context:
        cluster_file: {{
          salt["pillar.get"]("openstack_ha_master:cluster_file", "/srv/openstack_ha/cluster.yaml")
          | json }}
        archives: {{ os.wheels.archives }}
    - failhard: True
