"""
How OpenStack's services send each other messages: options of oslo.messaging, as
``openstack_ha_options`` describes them.
"""

import openstack_ha_options
import openstack_ha_rabbitmq
import openstack_ha_systems

USERS = openstack_ha_systems.messages()
# Of the brokers, where nothing else is known: openstack_ha/parameters has the same.
SERIES = "3.10"

# Seconds. A client sends one when it has sent nothing for that long, and ends the connection when
# it has heard nothing for two of them. So a broker or a holder of the VIP that falls silent is
# noticed within 23, and at the first where another one has taken its place. RabbitMQ warns of less
# than five, which a busy service misses.
# https://www.rabbitmq.com/docs/heartbeats
HEARTBEAT = 10
# Twice as many looks at it in that time.
RATE = 2
# Seconds; many services connect anew at once when the VIP has moved, and none waits half a minute.
LONGEST_RETRY = 5
# Mirrored queues are by policy, and need no word here. An oslo.messaging before 14.7 does not know
# the second one, and passes over it.
QUORUM = {"rabbit_quorum_queue": True, "rabbit_transient_quorum_queue": True}


def users(systems):
    """
    Return RabbitMQ's users of the formula's own services.

    systems
        Names of systems.
    """
    return list(dict.fromkeys(user for part, user in USERS.items() if part in systems))


def transport_url(view, user):
    """
    Return the brokers' URL, with the user's password.

    view
        What ``openstack_ha.view`` returns.

    user
        RabbitMQ's user.
    """
    broker = view["rabbitmq"]
    hosts = [view["vip"]] if broker["access"] == "vip" else view["controllers"]
    places = [f"{openstack_ha_options.host(one['address'])}:{broker['port']}" for one in hosts]
    accounts = [
        openstack_ha_options.secret(f"rabbitmq:users:{user}", f"{user}:", f"@{place}")
        for place in places
    ]
    listed = [piece for one in accounts for piece in (",", *one)]
    return ["rabbit://", *listed[1:], "/"]


def options(view, series=SERIES):
    """
    Return the section ``oslo_messaging_rabbit``.

    view
        What ``openstack_ha.view`` returns.

    series
        RabbitMQ's version or series, by which the queues' type follows.

    Raises ValueError when broker and release have no type of queue in common.
    """
    queues = openstack_ha_rabbitmq.queue_type(view["rabbitmq"]["queues"], series, view["release"])
    return {
        "heartbeat_timeout_threshold": HEARTBEAT,
        "heartbeat_rate": RATE,
        "rabbit_retry_interval": 1,
        "rabbit_retry_backoff": 1,
        "rabbit_interval_max": LONGEST_RETRY,
        **(QUORUM if queues == "quorum" else {}),
    }
