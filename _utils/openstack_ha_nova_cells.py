"""
Nova's cells as their mappings stand in the database: templates, which each service fills from its
own configuration. So no password is there, and a node calls from its own address.

Nova takes an IPv6 address out of its brackets and does not put it back, so these are for IPv4.
"""

CELL0 = "nova_cell0"

_ACCOUNT = "{{username{0}}}:{{password{0}}}@{{hostname{0}}}:{{port{0}}}"


def database(name="{path}"):
    """
    Return the template of a cell's database, which becomes the service's own ``connection``.

    name
        The database; by default the one that the service names, which is cell1's.
    """
    return f"{{scheme}}://{_ACCOUNT.format('')}/{name}?{{query}}"


def transport(view):
    """
    Return the template of a cell's brokers, which becomes the service's own ``transport_url``.

    view
        What ``openstack_ha.view`` returns.
    """
    count = 1 if view["rabbitmq"]["access"] == "vip" else len(view["controllers"])
    # Several are told from each other by their numbers, and one has none.
    numbers = range(1, count + 1) if count > 1 else [""]
    hosts = ",".join(_ACCOUNT.format(number) for number in numbers)
    return f"{{scheme}}://{hosts}/{{path}}"
