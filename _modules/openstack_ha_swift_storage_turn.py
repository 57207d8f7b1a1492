"""
This node's storage servers of Swift as ``openstack_ha_turn`` asks about them.
"""

import contextlib
import http.client

__virtualname__ = "openstack_ha_swift_storage_turn"

# Seconds; a disk that hangs keeps no health check.
TIMEOUT = 10


def __virtual__():
    return __virtualname__


def serves():
    """
    Return whether each of this node's servers, those for replication included, says on its own
    address that it is well (``/healthcheck``).

    CLI Example:

    .. code-block:: bash

        salt sto1 openstack_ha_swift_storage_turn.serves
    """
    view = __salt__["openstack_ha.view"]()
    listening = __utils__["openstack_ha_swift_conf.servers"](view)
    return all(_is_well(address, port) for address, port in listening.values())


def _is_well(address, port):
    try:
        connection = http.client.HTTPConnection(address, port, timeout=TIMEOUT)
        with contextlib.closing(connection):
            connection.request("GET", "/healthcheck")
            return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
