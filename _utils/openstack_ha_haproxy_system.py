"""
HAProxy as one of the systems, as ``openstack_ha_systems`` explains it.
"""

import openstack_ha_option_types as option

OPTIONS = option.section(
    "the load balancer on each controller",
    maxconn=option.integer("connections of the whole process", 10000, 100, 1000000),
    stats_port=option.port("port of the statistics page and of /metrics", 8404),
    stats_user=option.string(
        "user of the statistics page", default="admin", pattern=option.IDENTIFIER_PATTERN
    ),
    timeouts=option.section(
        "time-outs of every front and back end",
        connect=option.integer(
            "milliseconds for a TCP connect to a server; short, since every server is near",
            250,
            50,
            60000,
        ),
        client=option.integer("seconds of a client's silence on SQL and AMQP", 3600, 1, 86400),
        server=option.integer("seconds of a server's silence on SQL and AMQP", 3600, 1, 86400),
        queue=option.integer("seconds in the queue for a server", 60, 1, 3600),
        check=option.integer("seconds for a health check's answer", 1, 1, 60),
        http_request=option.integer("seconds for a whole HTTP request head", 10, 1, 600),
        hard_stop=option.integer(
            "seconds that connections may outlive a reload of the configuration",
            3600,
            1,
            86400,
        ),
    ),
    check=option.section(
        "health checks of the servers",
        interval=option.integer(
            "milliseconds between checks of a server that is up", 500, 100, 60000
        ),
        fast_interval=option.integer(
            "milliseconds while a server changes its state", 100, 50, 60000
        ),
        rise=option.integer("good checks until a server is up", 2, 1, 20),
        fall=option.integer("failed checks until a server is down", 2, 1, 20),
    ),
)

SYSTEM = {
    "options": OPTIONS,
    "secrets": {"stats": option.secret("the statistics page's password")},
    "parts": {"haproxy": {"roles": {"controller"}, "secrets": [("haproxy",), ("tls",)]}},
    # Where it is restarted, systemd stops keepalived first, which hands the VIP over.
    "turns": {"haproxy": {"unit": "haproxy.service", "patience": 0, "reloads": True}},
}
