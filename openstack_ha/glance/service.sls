# Glance serves, over a schema that its version knows.
{%- set service, gate = "glance", {"openstack_ha_db_sync": "openstack_ha_glance_schema"} %}
{%- set read_at_start = ["uwsgi.ini", "application.py", "swift_connection.py"] %}
{%- set read_by_workers = ["glance-api.conf", "glance-api-paste.ini", "swift.conf"] %}

include:
  - openstack_ha.python
  - openstack_ha.glance.config

{%- include "openstack_ha/api/schema.jinja" %}

{%- include "openstack_ha/api/service.jinja" %}
