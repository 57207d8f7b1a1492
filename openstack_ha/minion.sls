# A minion that was cut off from its master hears it again within half a minute. The master ends
# such a connection, the minion learns of it by TCP keepalive only, and Salt's default is five
# minutes. A minion reads this when it starts.
openstack_ha_minion_config:
  file.managed:
    - name: /etc/salt/minion.d/openstack_ha.conf
    - contents: |
        # Written by Salt (openstack_ha.minion); changes made here are lost.
        tcp_keepalive: True
        tcp_keepalive_idle: 10
        tcp_keepalive_intvl: 5
        tcp_keepalive_cnt: 3
    - user: root
    - group: root
    - mode: '0644'
    - makedirs: true
