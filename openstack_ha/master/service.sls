# The master reads its configuration, and the formula's modules, at the start only.
openstack_ha_master_service:
  service.running:
    - name: salt-master
    - enable: True
    - watch:
        - pip: openstack_ha_master_python
        - openstack_ha_preflight: openstack_ha_master_modules
        - file: openstack_ha_master_config
