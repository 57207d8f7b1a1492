"""
Horizon as one of the systems, as ``openstack_ha_systems`` explains it.

It is on the controllers of a cluster whose file has its section: who has not asked for a page on
port 443 gets none, nor its packages on each controller.
"""

import openstack_ha_option_types as option

# Where an account's password is tried.
LOGIN = "/auth/login/"
HOST_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9.-]{0,252}$"

SETTINGS = {
    "type": "object",
    "description": "settings of Horizon's and of Django's over the formula's own, by their names",
    "propertyNames": {
        "pattern": r"^(?!(DEBUG|SECRET_KEY)$)[A-Z][A-Z0-9_]*$",
        "fault": "{0!r} is no setting for this place: it takes names in capitals, and neither "
        "DEBUG, which shows everybody what goes on inside, nor SECRET_KEY, which is "
        "secrets:horizon:secret_key",
    },
    "default": {},
}

OPTIONS = {
    **option.section(
        "Horizon on each controller, where this section is, be it empty",
        port=option.port("its port on each controller", 8010),
        https_port=option.port("the VIP's, with TLS", 443),
        http_port=option.port("the VIP's without, which leads to the other one", 80),
        # Without threads: an action of a table belongs to the class, and to the table of whoever
        # asked last. Somebody else's then, or a page of an error.
        # https://opendev.org/openstack/horizon/src/branch/stable/2023.1/horizon/tables/base.py
        workers={**option.WORKERS, "description": "processes; auto is two a core, 16 at most"},
        title=option.string(
            "what its pages are called", default="OpenStack Dashboard", pattern=r"^[^\r\n]{1,80}$"
        ),
        logo=option.string(
            "the site's logo, as the text of an SVG file; default: OpenStack's",
            pattern=r"^\s*<(\?xml|!--|svg)",
            maxLength=200000,
            fault="is no text of an SVG file",
        ),
        session_timeout=option.integer(
            "seconds after which who does nothing is logged out; never more than a token lives, "
            "keystone:token_expiration",
            3600,
            60,
            604800,
        ),
        domains={
            "type": "array",
            "description": "domains to choose from at the login; without any, nobody is asked",
            "items": {"type": "string", "pattern": option.NAME_PATTERN},
            "default": [],
            "uniqueItems": True,
        },
        hosts={
            "type": "array",
            "description": "names beside vip:fqdn by which browsers come",
            "items": {"type": "string", "pattern": HOST_PATTERN},
            "default": [],
            "uniqueItems": True,
        },
        failed_logins=option.integer(
            "failed logins of one address in a minute, after which it has to wait", 5, 1, 10000
        ),
        patience=option.integer(
            "seconds that a state run waits for the master's word", 900, 30, 86400
        ),
        options=SETTINGS,
    ),
    "fault": "is no section; `horizon: {}` is the dashboard with its defaults",
}
# What is filled in would be there.
del OPTIONS["default"]

SYSTEM = {
    "options": OPTIONS,
    "secrets": {"secret_key": option.secret("what its sessions and forms are signed with")},
    "parts": {
        "horizon": {
            "roles": {"dashboard_server"},
            "reads": {"keystone"},
            "secrets": [("horizon",)],
        }
    },
    "turns": {"horizon": {"unit": "horizon.service", "patience": 60, "row": "horizon"}},
    "vip": [
        {
            "name": "horizon",
            "port": "horizon:https_port",
            "http_port": "horizon:http_port",
            "server_port": "horizon:port",
            "mode": "http",
            "at_once": "horizon",
            "system": "horizon",
            "timeout": 120,
            "cookie": "openstack_ha_horizon",
            "is_for_browsers": True,
            "login": {"path": LOGIN, "failures": "horizon:failed_logins"},
            # It makes the login page; a page is no sign of death where fifty people want theirs.
            "check": {"path": "/healthcheck", "interval": 5000, "timeout": 5},
        }
    ],
}
