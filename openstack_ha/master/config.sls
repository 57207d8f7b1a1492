# The cluster file as pillar, and the doorbells that the master answers.
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
