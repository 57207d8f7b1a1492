# What the formula's modules import, in the Python that runs Salt: without bin_env, pip.installed
# takes salt-pip on a onedir, and the virtual environment's own pip elsewhere.
{%- import_yaml "openstack_ha/parameters/" ~ grains["osfinger"] ~ ".yaml" as os %}

openstack_ha_python_packages:
  openstack_ha_python.satisfied:
    - pkgs: {{ (os.python.packages + os.python.node_packages) | json }}
    - reload_modules: True
