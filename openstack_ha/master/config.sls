# The cluster file as pillar, the doorbells that the master answers, and places for its copies of
# Swift's builders and for Keystone's keys, which runners write as the master's own user.
{%- set cache = "/var/cache/salt/master" %}
{%- set user = salt["file.get_user"](cache) if salt["file.directory_exists"](cache) else "root" %}

openstack_ha_master_copies:
  file.directory:
    - name: /var/lib/openstack_ha_copies
    - user: {{ user }}
    - mode: '0700'

openstack_ha_master_keys:
  file.directory:
    - name: /var/lib/openstack_ha_keys
    - user: {{ user }}
    - mode: '0700'

openstack_ha_master_config:
  file.managed:
    - name: /etc/salt/master.d/openstack_ha.conf
    - source: salt://openstack_ha/master/files/openstack_ha.conf.jinja
    - template: jinja
    - context:
        cluster_file: {{
          salt["pillar.get"]("openstack_ha_master:cluster_file", "/srv/openstack_ha/cluster.yaml")
          | json }}
    - user: root
    - group: root
    - mode: '0644'
    - makedirs: True
