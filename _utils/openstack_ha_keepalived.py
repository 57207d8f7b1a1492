"""
What keepalived's configuration says of the other controllers.
"""

import re

PEERS = re.compile(r"^\s*unicast_peer\s*\{(?P<addresses>[^}]*)\}", re.MULTILINE)


def peers(text):
    """
    Return the addresses of those to whom it sends adverts, and from whom it takes some, in order.

    text
        The configuration, as ``keepalived.conf(5)`` explains it.
    """
    found = PEERS.search(text)
    return sorted(found["addresses"].split()) if found else []
