# What every service that uWSGI runs imports first.
openstack_ha_uwsgi_native_threads:
  file.managed:
    - name: {{ salt["openstack_ha_options.native_threads"]() }}
    - source: salt://openstack_ha/files/native_threads.py
    - user: root
    - group: root
    - mode: '0644'
    - makedirs: true
