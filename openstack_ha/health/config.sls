{%- from "openstack_ha/map.jinja" import ha, os with context %}

include:
  - openstack_ha.health.install

openstack_ha_health_folder:
  file.directory:
    - name: {{ os.health.folder }}
    - user: root
    - group: root
    - mode: '0755'

openstack_ha_health_config:
  file.managed:
    - name: {{ os.health.folder }}/config.json
    - source: salt://openstack_ha/health/files/config.json.jinja
    - template: jinja
    - context:
        ha: {{ ha | json }}
        os: {{ os | json }}
    - user: root
    - group: root
    - mode: '0644'
    - require:
      - file: openstack_ha_health_folder

# Not by LoadCredential=: in a container systemd 252 hands over an empty folder.
{%- for service, secret in [("galera", "galera:accounts:health"), ("rabbitmq", "rabbitmq:users:health")] %}

openstack_ha_health_{{ service }}_password:
  file.managed:
    - name: {{ os.health.folder }}/{{ service }}
    - source: salt://openstack_ha/health/files/password.jinja
    - template: jinja
    - context:
        secret: {{ secret }}
    - user: root
    - group: {{ os.health.user }}
    - mode: '0640'
    - show_changes: false
    - require:
      - user: openstack_ha_health_user
      - file: openstack_ha_health_folder
{%- endfor %}
