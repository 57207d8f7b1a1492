# The way from one compute node to another, by which machines move.
{%- from "openstack_ha/map.jinja" import ha, os with context %}
{%- set own = os.nova_migration %}

include:
  - openstack_ha.nova.config

# A node that has no SSH server gets none but the formula's own: the package's is not started with it.
openstack_ha_nova_migration_others:
  file.symlink:
    - name: {{ own.others_unit }}
    - target: /dev/null
    - unless: test -e {{ own.server }}

openstack_ha_nova_migration_packages:
  pkg.installed:
    - pkgs: {{ own.packages | json }}
    - require:
      - file: openstack_ha_nova_migration_others

# No password is his, and yet he is not locked: OpenSSH lets nobody in who is.
openstack_ha_nova_migration_user:
  user.present:
    - name: {{ os.nova.user }}
    - password: '*'
    - require:
      - user: openstack_ha_nova_user

openstack_ha_nova_migration_folder:
  file.directory:
    - name: {{ own.folder }}
    - user: root
    - group: {{ os.nova.group }}
    - mode: '0750'
    - require:
      - file: openstack_ha_nova_folder

# Nova's own copies of disks are made by the user nova, machines that run are moved by root.
openstack_ha_nova_migration_key:
  file.managed:
    - name: {{ own.folder }}/key
    - source: salt://openstack_ha/nova/files/migration/key.jinja
    - template: jinja
    - user: {{ os.nova.user }}
    - group: {{ os.nova.group }}
    - mode: '0600'
    - show_changes: false
    - require:
      - file: openstack_ha_nova_migration_folder
{%- for name in ["authorized_keys", "known_hosts", "sshd_config"] %}

openstack_ha_nova_migration_{{ name }}:
  file.managed:
    - name: {{ own.folder }}/{{ name }}
    - source: salt://openstack_ha/nova/files/migration/{{ name }}.jinja
    - template: jinja
    - context:
        os: {{ os | json }}
    - user: root
    - group: root
    - mode: '0644'
    - require:
      - file: openstack_ha_nova_migration_folder
    - require_in:
      - service: openstack_ha_nova_migration_socket
{%- endfor %}

openstack_ha_nova_migration_program:
  file.managed:
    - name: {{ own.program }}
    - source: salt://openstack_ha/nova/files/migration/command.jinja
    - template: jinja
    - context:
        os: {{ os | json }}
    - user: root
    - group: root
    - mode: '0755'
    - makedirs: true

openstack_ha_nova_migration_client:
  file.managed:
    - name: {{ own.client_config }}
    - source: salt://openstack_ha/nova/files/migration/ssh_config.jinja
    - template: jinja
    - context:
        ha: {{ ha | json }}
        os: {{ os | json }}
    - user: root
    - group: root
    - mode: '0644'
    - require:
      - pkg: openstack_ha_nova_migration_packages
{%- set socket, server = own.service ~ ".socket", own.service ~ "@.service" %}
{%- for unit, source in [(socket, "socket"), (server, "service")] %}

openstack_ha_nova_migration_{{ unit }}:
  file.managed:
    - name: {{ os.nova.unit_folder }}/{{ unit }}
    - source: salt://openstack_ha/nova/files/migration/{{ source }}.jinja
    - template: jinja
    - context:
        os: {{ os | json }}
    - user: root
    - group: root
    - mode: '0644'
{%- endfor %}

openstack_ha_nova_migration_units_read:
  module.run:
    - service.systemctl_reload: []
    - onchanges:
      - file: openstack_ha_nova_migration_{{ socket }}
      - file: openstack_ha_nova_migration_{{ server }}

# Each connection is a server of its own, which reads what is on the disk, and outlives this one.
openstack_ha_nova_migration_socket:
  service.running:
    - name: {{ socket }}
    - enable: true
    - require:
      - pkg: openstack_ha_nova_migration_packages
      - user: openstack_ha_nova_migration_user
      - file: openstack_ha_nova_migration_key
      - file: openstack_ha_nova_migration_program
      - module: openstack_ha_nova_migration_units_read
    - watch:
      - file: openstack_ha_nova_migration_{{ socket }}
