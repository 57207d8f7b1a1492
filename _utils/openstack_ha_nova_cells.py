"""
Where Nova's cells have their database and their brokers, as templates in Nova's own database.

Each service puts in what its own configuration has, so that no password is written there, and one
on another node reads its own database.
"""

import openstack_ha_cluster

# Nova's own identity of the cell for machines that no node took.
CELL0 = "00000000-0000-0000-0000-000000000000"
# The cell of all compute nodes.
NAME = "cell1"
SERVER = "{scheme}://{username}:{password}@{hostname}:{port}"


def cell0():
    """
    Return the UUID of the cell without nodes, which is Nova's own.
    """
    return CELL0


def name():
    """
    Return the name of the cell of all compute nodes.
    """
    return NAME


def cell0_database():
    """
    Return the template of the connection to the database of the cell without nodes.
    """
    return f"{SERVER}/nova_cell0?{{query}}"


def cell_database():
    """
    Return the template of the connection to the database of the cell of all compute nodes.
    """
    return f"{SERVER}/{{path}}?{{query}}"


def transport(view):
    """
    Return the template of the URL of that cell's brokers.

    view
        What ``openstack_ha.view`` returns.

    Where services get the list of brokers, Nova counts them from 1; of a single one it does not.
    """
    brokers = len(openstack_ha_cluster.controllers(view))
    if view["rabbitmq"]["access"] == "vip" or brokers == 1:
        return f"{SERVER}/{{path}}"
    servers = [
        SERVER.removeprefix("{scheme}://").replace("}", f"{number}}}")
        for number in range(1, brokers + 1)
    ]
    return f"{{scheme}}://{','.join(servers)}/{{path}}"
