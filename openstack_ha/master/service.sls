# The master reads its configuration at the start only.
openstack_ha_master_service:
  service.running:
    - name: salt-master
    - enable: True
    - watch:
        - pip: openstack_ha_master_python
        - file: openstack_ha_master_config
