"""
Keystone's configuration as data, as ``openstack_ha_options`` describes it.
"""

import openstack_ha_db_sync
import openstack_ha_keystone_system
import openstack_ha_options

REPOSITORIES = {
    "fernet": f"{openstack_ha_keystone_system.FOLDER}/fernet-keys",
    "credential": f"{openstack_ha_keystone_system.FOLDER}/credential-keys",
}
# Seconds for which services take an expired token of a user whose request is under way.
EXPIRED_WINDOW = 172800


def files(view, cores):
    """
    Return the files of a controller by their names below /etc/keystone.

    view
        What ``openstack_ha.view`` returns.

    cores
        Of the node.
    """
    local = openstack_ha_db_sync.local_connection("keystone", view)
    uwsgi = openstack_ha_options.uwsgi(
        "keystone", view, cores, **{"wsgi-file": "/usr/bin/keystone-wsgi-public"}
    )
    return {
        "keystone.conf": openstack_ha_options.merged(_server(view), view["keystone"]["options"]),
        openstack_ha_db_sync.LOCAL_CONFIG: {"database": {"connection": local}},
        "openstack_ha-uwsgi.ini": {"uwsgi": uwsgi},
    }


def repositories():
    """
    Return the folders of Keystone's keys by the names of their sets.
    """
    return dict(REPOSITORIES)


def clients(view):
    """
    Return what an operator's client needs but the password: ``{auth_url, region}``.

    view
        What ``openstack_ha.view`` returns.
    """
    return {
        "auth_url": f"{openstack_ha_options.keystone_url(view)}/v3",
        "region": view["keystone"]["region"],
    }


def token_lifetime(options):
    """
    Return for how many seconds a token may be asked about.

    options
        The section ``keystone`` with its defaults.
    """
    return options["token_expiration"] + EXPIRED_WINDOW


def _server(view):
    options = view["keystone"]
    interval = options["rotation_hours"] * 3600
    return {
        "DEFAULT": {
            "use_stderr": True,
            "public_endpoint": openstack_ha_options.keystone_url(view),
        },
        "database": openstack_ha_db_sync.pool("keystone", view, options["threads"]),
        "cache": {
            "enabled": True,
            "backend": "oslo_cache.memcache_pool",
            "memcache_servers": openstack_ha_options.caches(view),
            # A dead one costs each process this long, once in half a minute. When all of them are
            # dead none is remembered as such, and each look costs it.
            "memcache_socket_timeout": 0.25,
            "memcache_dead_retry": 30,
            "memcache_pool_maxsize": options["threads"],
            "memcache_pool_unused_timeout": 60,
            "memcache_pool_connection_get_timeout": 1,
        },
        "token": {
            "provider": "fernet",
            "expiration": options["token_expiration"],
            "allow_expired_window": EXPIRED_WINDOW,
        },
        "fernet_tokens": {
            "key_repository": f"{REPOSITORIES['fernet']}/",
            # Keys go by age, on the master; a command of Keystone's own must not drop any.
            "max_active_keys": 3 + -(-token_lifetime(options) // interval),
        },
        "credential": {"key_repository": f"{REPOSITORIES['credential']}/"},
        "oslo_middleware": {"enable_proxy_headers_parsing": True},
        "healthcheck": {
            "backends": "disable_by_file",
            "disable_by_file_path": "/run/openstack-ha-health/keystone.maintenance",
        },
    }
