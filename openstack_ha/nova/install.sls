# Nova's programs, its user, and what that may do as root.
{%- from "openstack_ha/map.jinja" import os with context %}

include:
  - openstack_ha.nova.programs

openstack_ha_nova_packages:
  pkg.installed:
    - pkgs: {{ os.nova.packages | json }}

openstack_ha_nova_user:
  user.present:
    - name: {{ os.nova.user }}
    - system: true
    - usergroup: true
    - home: {{ os.nova.state_folder }}
    - createhome: false
    # Who carries machines from one compute node to another needs one.
    - shell: /bin/bash

openstack_ha_nova_folder:
  file.directory:
    - name: {{ os.nova.folder }}
    - user: root
    - group: {{ os.nova.group }}
    - mode: '0750'
    - require:
      - user: openstack_ha_nova_user
{%- for folder in salt["openstack_ha_nova_conf.folders"]() %}

openstack_ha_nova_{{ folder }}:
  file.directory:
    - name: {{ folder }}
    - user: {{ os.nova.user }}
    - group: {{ os.nova.group }}
    - mode: '0755'
    - require:
      - user: openstack_ha_nova_user
{%- endfor %}

openstack_ha_nova_sudoers:
  file.managed:
    - name: {{ os.nova.sudoers }}
    - source: salt://openstack_ha/nova/files/sudoers.jinja
    - template: jinja
    - context:
        os: {{ os | json }}
    - user: root
    - group: root
    - mode: '0440'
    - check_cmd: /usr/sbin/visudo -c -f
    - require:
      - pkg: openstack_ha_nova_packages
