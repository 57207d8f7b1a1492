# The cluster file as pillar, the doorbells that the master answers, programs that it serves, and
# places for its copies of Swift's builders and for Keystone's keys, which runners write as the
# master's own user.
{%- import_yaml "openstack_ha/parameters/" ~ grains["osfinger"] ~ ".yaml" as os %}

openstack_ha_master_copies:
  openstack_ha_preflight.folder:
    - name: openstack_ha_copies
    - default: /var/lib/openstack_ha_copies

openstack_ha_master_keys:
  openstack_ha_preflight.folder:
    - name: openstack_ha_keys
    - default: /var/lib/openstack_ha_keys

openstack_ha_master_config:
  file.managed:
    - name: {{ salt["file.dirname"](opts["conf_file"]) }}/master.d/openstack_ha.conf
    - source: salt://openstack_ha/master/files/openstack_ha.conf.jinja
    - template: jinja
    - context:
        cluster_file: {{
          salt["pillar.get"]("openstack_ha_master:cluster_file", "/srv/openstack_ha/cluster.yaml")
          | json }}
        archives: {{ os.wheels.archives }}
    - user: root
    - group: root
    - mode: '0644'
    - makedirs: True
    - require:
        - openstack_ha_preflight: openstack_ha_master_modules
