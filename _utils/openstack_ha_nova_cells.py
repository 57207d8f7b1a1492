"""
Nova's cells as their mappings stand in the database: templates, which each service fills from its
own configuration. So no password is there, and a node calls from its own address.

Nova takes an IPv6 address out of its brackets and does not put it back, so these are for IPv4.
"""

# Nova's own identity of the cell for machines that no node took.
CELL0 = "00000000-0000-0000-0000-000000000000"
CELL0_DATABASE = "nova_cell0"
# The cell of all compute nodes.
NAME = "cell1"

_ACCOUNT = "{{username{0}}}:{{password{0}}}@{{hostname{0}}}:{{port{0}}}"


def cell0():
    """Return the UUID of the cell without nodes, which is Nova's own."""
    return CELL0


def name():
    """Return the name of the cell of all compute nodes."""
    return NAME


def cell0_database():
    """Return the template of the connection to the database of the cell without nodes."""
    return _database(CELL0_DATABASE)


def cell_database():
    """
    Return the template of the connection to the database of the cell of all compute nodes, which
    becomes the service's own ``connection``.
    """
    return _database("{path}")


def transport(view):
    """
    Return the template of that cell's brokers, which becomes the service's own ``transport_url``.

    view
        What ``openstack_ha.view`` returns.
    """
    count = 1 if view["rabbitmq"]["access"] == "vip" else len(view["controllers"])
    # Several are told from each other by their numbers, and one has none.
    numbers = range(1, count + 1) if count > 1 else [""]
    hosts = ",".join(_ACCOUNT.format(number) for number in numbers)
    return f"{{scheme}}://{hosts}/{{path}}"


def _database(path):
    return f"{{scheme}}://{_ACCOUNT.format('')}/{path}?{{query}}"
