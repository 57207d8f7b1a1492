# One controller, at the address that Docker gave it. That one comes first on the interface:
# the VIP, once keepalived adds it, follows.
{%- set address = salt["network.interfaces"]()["eth0"]["inet"][0]["address"] %}
{%- set network = address.rpartition(".")[0] %}

openstack_ha:
  name: kitchen
  network:
    management: {{ network }}.0/24
  vip:
    address: {{ network }}.254
    fqdn: cloud.example.org
  tls:
    plain_http: true
  nodes:
    ctl1:
      address: {{ address }}
      roles: [controller]
  rabbitmq:
    users:
      openstack:
        vhosts:
          /: {configure: .*, write: .*, read: .*}
  secrets:
    haproxy:
      stats: kitchen-haproxy-stats
    galera:
      accounts:
        health: kitchen-galera-health
        keystone: kitchen-galera-keystone
        placement: kitchen-galera-placement
    keystone:
      admin: kitchen-keystone-admin
      users:
        placement: kitchen-keystone-placement
    rabbitmq:
      erlang_cookie: kitchen-erlang-cookie
      users:
        health: kitchen-rabbitmq-health
        openstack: kitchen-rabbitmq-openstack
