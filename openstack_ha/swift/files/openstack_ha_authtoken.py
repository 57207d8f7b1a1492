# Written by Salt (openstack_ha.swift.proxy); changes made here are lost.
"""
keystonemiddleware's auth_token, which tells a Keystone that does not answer from a token that is
not good.

Where the decision is delayed (delay_auth_decision), as Swift needs it for who comes without any,
auth_token's fetch_token takes a token for invalid when Keystone cannot be asked about it, and Swift
says 401. Clients then ask the same Keystone for another token, or give up; after a 503 they come
again.
"""

import webob.exc
from keystoneauth1 import exceptions
from keystonemiddleware import auth_token

UNKNOWN = (
    exceptions.ConnectFailure,
    exceptions.DiscoveryFailure,
    exceptions.RequestTimeout,
    auth_token.ServiceError,
)


class AuthProtocol(auth_token.AuthProtocol):
    """What has no token is delayed; what has one that nobody could look at is answered."""

    def fetch_token(self, token, **more):
        try:
            return super().fetch_token(token, **more)
        except auth_token.InvalidToken as exc:
            if isinstance(exc.__context__, UNKNOWN):
                raise webob.exc.HTTPServiceUnavailable(
                    "Keystone does not answer.", headers={"Retry-After": "1"}
                ) from exc
            raise


def filter_factory(global_conf, **local_conf):
    """Return what Paste Deploy makes the filter of."""
    return lambda app: AuthProtocol(app, {**global_conf, **local_conf})
