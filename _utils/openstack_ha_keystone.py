"""
Keystone's configuration as data.

A file is ``{section: {key: value}}`` in the order in which it is printed. A value is text, or
``{"before": text, "secret": path, "after": text}``: whoever prints it asks for the secret.
"""

import openstack_ha_db_sync
import openstack_ha_tls

REPOSITORIES = {
    "fernet": "/etc/keystone/fernet-keys",
    "credential": "/etc/keystone/credential-keys",
}
# Seconds for which services take an expired token of a user whose request is under way.
EXPIRED_WINDOW = 172800
MOST_WORKERS = 8


def files(view, cores):
    """
    Return the files of a controller by their names below /etc/keystone.

    view
        What ``openstack_ha.view`` returns.

    cores
        Of the node.
    """
    own = view["self"]["address"]
    local = openstack_ha_db_sync.connection("keystone", own, view["galera"]["port"])
    return {
        "keystone.conf": _merged(_server(view), view["keystone"]["options"]),
        openstack_ha_db_sync.LOCAL_CONFIG: {"database": {"connection": local}},
        "openstack_ha-uwsgi.ini": {"uwsgi": _uwsgi(view, cores)},
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
    return {"auth_url": f"{url(view)}/v3", "region": view["keystone"]["region"]}


def url(view):
    """
    Return Keystone's address on the VIP, without a version.

    view
        What ``openstack_ha.view`` returns.
    """
    return openstack_ha_tls.url(view, view["keystone"]["port"])


def token_lifetime(options):
    """
    Return for how many seconds a token may be asked about.

    options
        The section ``keystone`` with its defaults.
    """
    return options["token_expiration"] + EXPIRED_WINDOW


def processes(chosen, cores):
    """
    Return the number of processes: as chosen, else two to eight by cores.

    chosen
        ``keystone:workers``.

    cores
        Of the node.
    """
    return min(max(cores, 2), MOST_WORKERS) if chosen == "auto" else chosen


def _server(view):
    options, port = view["keystone"], view["memcached"]["port"]
    interval = options["rotation_hours"] * 3600
    return {
        "DEFAULT": {
            "use_stderr": True,
            "public_endpoint": url(view),
        },
        "database": openstack_ha_db_sync.pool("keystone", view, options["threads"]),
        "cache": {
            "enabled": True,
            "backend": "oslo_cache.memcache_pool",
            "memcache_servers": ",".join(f"{one['address']}:{port}" for one in view["controllers"]),
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


def _uwsgi(view, cores):
    host = view["self"]["address"]
    host = f"[{host}]" if ":" in host else host
    return {
        "plugins": "python3",
        "wsgi-file": "/usr/bin/keystone-wsgi-public",
        "http-socket": f"{host}:{view['keystone']['port']}",
        "master": "true",
        "processes": processes(view["keystone"]["workers"], cores),
        "threads": view["keystone"]["threads"],
        "enable-threads": "true",
        "lazy-apps": "true",
        "need-app": "true",
        "thunder-lock": "true",
        "die-on-term": "true",
        "no-orphans": "true",
        "buffer-size": 65535,
        "listen": 100,
        # Workers are replaced one after another, so a reload refuses nobody.
        "master-fifo": "/run/keystone/fifo",
        "procname-prefix": "keystone-",
        # HAProxy has a line for each request.
        "disable-logging": "true",
        "chdir": "/var/lib/keystone",
    }


def _merged(file, options):
    return {
        section: {**file.get(section, {}), **options.get(section, {})}
        for section in [*file, *(name for name in options if name not in file)]
    }
