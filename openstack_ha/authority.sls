# The authority that signed the VIP's certificate: every client on the node believes it.
{%- from "openstack_ha/map.jinja" import ha, os with context %}

openstack_ha_authority:
{%- if ha.tls.get("ca") %}
  file.managed:
    - name: {{ os.authority.certificate }}
    - contents: {{ ha.tls.ca | json }}
    - user: root
    - group: root
    - mode: '0644'
    - makedirs: true
{%- else %}
  file.absent:
    - name: {{ os.authority.certificate }}
{%- endif %}

openstack_ha_authority_believed:
  cmd.run:
    - name: {{ os.authority.program }}
    - onchanges:
      - file: openstack_ha_authority
