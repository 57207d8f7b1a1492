# The cluster file as pillar, the doorbells that the master answers, programs that it serves, and
# places for its copies of Swift's builders and for Keystone's keys, which runners write as the
# master's own user.
{%- import_yaml "openstack_ha/parameters/" ~ grains["osfinger"] ~ ".yaml" as os %}
{%- set cache = "/var/cache/salt/master" %}
{%- set user = salt["file.get_user"](cache) if salt["file.directory_exists"](cache) else "root" %}

# The file roots of a file in master.d take the place of those in the master's own.
openstack_ha_master_file_roots:
  test.fail_without_changes:
    - name: >-
        /etc/salt/master has file_roots, which would be lost; move them to
        /etc/salt/master.d/formula.conf
    - failhard: true
    - onlyif:
      - fun: file.search
        args:
          - /etc/salt/master
          - '^file_roots:'
        ignore_if_missing: true

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
        archives: {{ os.wheels.archives }}
    - user: root
    - group: root
    - mode: '0644'
    - makedirs: True
