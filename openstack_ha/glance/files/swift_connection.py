# Written by Salt (openstack_ha.glance); changes made here are lost.
"""
Connections to Swift of which none that is lost ends a download.

swiftclient goes on in the middle of an object whose connection has ended, and asks again when a
request fails. It does not know all the ways in which a connection ends when the holder of the VIP
loses its power, or hands the VIP on (python-swiftclient 4.1.0).
"""

import functools
import socket
import ssl

import requests.exceptions
import swiftclient.client
import urllib3.connection
import urllib3.exceptions

# Swift is asked without a time limit, by the VIP. When its holder loses its power in the middle of
# a download nobody tells: the next holder does, when it is asked about a session that it lacks.
KEEPALIVE = [
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 3),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 2),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3),
]
CUT = (ssl.SSLEOFError, ssl.SSLZeroReturnError)


class Connection(swiftclient.client.HTTPConnection):
    """A connection whose loss has the one name that swiftclient knows."""

    def request(self, *arguments, **more):
        try:
            return super().request(*arguments, **more)
        except requests.exceptions.SSLError as exc:
            # Whoever stops in the middle of a handshake has not refused it; a certificate that is
            # not believed stays what it is, an error that is not tried again.
            if not any(isinstance(one, CUT) for one in _chain(exc)):
                raise
            raise requests.exceptions.ConnectionError(exc) from exc

    def getresponse(self):
        found = super().getresponse()
        found.read = _in_words_of_requests(found.read)
        return found


def _chain(exc):
    while exc:
        yield exc
        exc = exc.__cause__ or exc.__context__


def _in_words_of_requests(read):
    """A body is read past requests, so its errors are urllib3's."""

    @functools.wraps(read)
    def reading(*arguments, **more):
        try:
            return read(*arguments, **more)
        except urllib3.exceptions.HTTPError as exc:
            raise requests.exceptions.ConnectionError(exc) from exc

    return reading


def install():
    """Make these the connections of every client of Swift in this process."""
    urllib3.connection.HTTPConnection.default_socket_options += KEEPALIVE
    swiftclient.client.HTTPConnection = Connection
