# Where a compute node's machines have their disks, and what keeps nova-compute from starting without.
{%- from "openstack_ha/map.jinja" import ha, os with context %}

include:
  - openstack_ha.nova.config

openstack_ha_nova_instances_check:
  file.managed:
    - name: {{ os.nova.units["nova.compute"].check }}
    - source: salt://openstack_ha/nova/files/instances-there.jinja
    - template: jinja
    - context:
        os: {{ os | json }}
    - user: root
    - group: root
    - mode: '0755'
    - makedirs: true
{%- if "instances" in ha.self.get("compute", {}) %}

openstack_ha_nova_instances_packages:
  pkg.installed:
    - pkgs: {{ os.nova_instances.packages | json }}

openstack_ha_nova_instances_unit:
  file.managed:
    - name: {{ os.nova.unit_folder }}/{{ os.nova_instances.unit }}.service
    - source: salt://openstack_ha/files/disk.service.jinja
    - template: jinja
    - context:
        origin: openstack_ha.nova.instances
        description: The disk of this node's machines
        target: {{ os.nova_instances.folder }}
        kept: {{ os.nova_instances.kept }}
        before: {{ os.nova.units["nova.compute"].service }}.service
    - user: root
    - group: root
    - mode: '0644'

openstack_ha_nova_instances_unit_read:
  module.run:
    - service.systemctl_reload: []
    - onchanges:
      - file: openstack_ha_nova_instances_unit

openstack_ha_nova_instances_mounted:
  openstack_ha_nova_instances.mounted:
    - name: {{ os.nova_instances.folder }}
    - require:
      - sls: openstack_ha.nova.config
      - file: openstack_ha_nova_{{ os.nova.state_folder }}
      - pkg: openstack_ha_nova_instances_packages
      - module: openstack_ha_nova_instances_unit_read
{%- endif %}
