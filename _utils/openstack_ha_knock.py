"""
Whether something listens on another host.
"""

import socket

# Seconds for a host to accept or refuse.
PATIENCE = 2


def at(address, port):
    """
    Return how a host takes a TCP connect, as ``{"answers": bool, "serves": bool}``: it answers when
    it accepts or refuses, and serves when it accepts.

    address
        The host's.

    port
        The port.
    """
    try:
        socket.create_connection((address, port), timeout=PATIENCE).close()
    except ConnectionRefusedError:
        return {"answers": True, "serves": False}
    except OSError:
        return {"answers": False, "serves": False}
    return {"answers": True, "serves": True}
