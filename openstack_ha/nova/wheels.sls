# Nova's programs as an archive for the nodes, made on the master, which needs the package index for
# it. Once, and after each change of wheels.yaml:
#   salt-call --local --file-root=/srv/formulas/openstack_ha state.apply openstack_ha.nova.wheels
{%- import_yaml "openstack_ha/parameters/" ~ grains["osfinger"] ~ ".yaml" as os %}
{%- import_yaml "openstack_ha/nova/wheels.yaml" as nova %}

# A run of one SLS takes no new modules by itself.
openstack_ha_nova_wheels_modules:
  saltutil.sync_all:
    - reload_modules: true

openstack_ha_nova_wheels_packages:
  pkg.installed:
    - pkgs: {{ os.nova_wheels.build_packages | json }}

openstack_ha_nova_wheels:
  openstack_ha_wheels.built:
    - name: nova
    - requirements: {{ nova.requirements | json }}
    - folder: {{ os.nova_wheels.folder }}
    - archives: {{ os.wheels.archives }}
    - corrections: {{ nova.corrections | json }}
    - require:
      - saltutil: openstack_ha_nova_wheels_modules
      - pkg: openstack_ha_nova_wheels_packages
