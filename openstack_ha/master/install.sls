# What the formula's runners and pillar import, in the Python that runs the master: without
# bin_env, pip.installed takes salt-pip on a onedir, and the virtual environment's pip elsewhere.
# And these themselves, before the master starts with a configuration that names them.
{%- import_yaml "openstack_ha/parameters/" ~ grains["osfinger"] ~ ".yaml" as os %}

openstack_ha_master_python:
  pip.installed:
    - pkgs: {{ os.python.packages | json }}
    - reload_modules: True

openstack_ha_master_modules:
  openstack_ha_preflight.modules_synced: []
