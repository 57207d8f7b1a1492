# What the formula's modules import, in the Python that runs Salt: without bin_env, pip.installed
# takes salt-pip on a onedir, and the virtual environment's own pip elsewhere.
{%- import_yaml "openstack_ha/parameters/" ~ grains["osfinger"] ~ ".yaml" as os %}

openstack_ha_python_packages:
  pip.installed:
    - pkgs: {{ os.python.packages | json }}
    - reload_modules: True
    - unless:
      - fun: openstack_ha_python.satisfies
        args:
          - {{ os.python.packages | json }}
