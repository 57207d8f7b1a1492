"""
What the configuration files of OpenStack's services have in common.

A file is ``{section: {key: value}}`` in the order in which it is printed. A value is text, or a
list of texts and of ``{"secret": path}`` that are printed one after another: whoever prints it asks
for the secrets. ``{"each": [value, ..]}`` are the values of an option that has several, each
printed on a line of its own.
"""

import openstack_ha_tls

MOST_PROCESSES = 8
# What the SLS openstack_ha.uwsgi brings.
NATIVE_THREADS = "/usr/local/lib/openstack_ha/native_threads.py"


def secret(path, before="", after=""):
    """
    Return a value with a secret in it.

    path
        Of the secret below ``secrets``, joined by colons.

    before, after
        The text around it.
    """
    return [piece for piece in (before, {"secret": path}, after) if piece]


def host(address):
    """
    Return an address as it stands in a URL.

    address
        An address, of either version.
    """
    return f"[{address}]" if ":" in address else address


def merged(file, options):
    """
    Return a file with the pillar's options over the formula's own.

    file
        ``{section: {key: value}}``.

    options
        The same, with values as the pillar has them.
    """
    chosen = {
        section: {key: given(value) for key, value in values.items()}
        for section, values in options.items()
    }
    return {
        section: {**file.get(section, {}), **chosen.get(section, {})}
        for section in [*file, *(name for name in chosen if name not in file)]
    }


def given(value):
    """
    Return the value of an option of the pillar's as a file has it.

    value
        A text, a number, a boolean, a list of those, or ``{"secret": path}``.
    """
    if isinstance(value, dict):
        return [value]
    return {"each": value} if isinstance(value, list) else value


def caches(view):
    """
    Return the memcached servers that are next to the services, as text.

    view
        What ``openstack_ha.view`` returns.
    """
    port = view["memcached"]["port"]
    return ",".join(f"{one['address']}:{port}" for one in view["controllers"])


def keystone_url(view):
    """
    Return Keystone's address on the VIP, without a version.

    view
        What ``openstack_ha.view`` returns.
    """
    return openstack_ha_tls.url(view, view["keystone"]["port"])


def service_user(view, name):
    """
    Return what a service needs to ask Keystone who somebody is: options of keystonemiddleware.

    view
        What ``openstack_ha.view`` returns.

    name
        The service's user, in the project service.
    """
    return {
        "www_authenticate_uri": keystone_url(view),
        "auth_url": keystone_url(view),
        "auth_type": "password",
        "username": name,
        "password": secret(f"keystone:users:{name}"),
        "project_name": "service",
        "user_domain_id": "default",
        "project_domain_id": "default",
        "region_name": view["keystone"]["region"],
        "interface": "internal",
        "service_token_roles_required": True,
        # Seconds; else a question on its way while the VIP moves waits for two minutes.
        "http_connect_timeout": 5,
        # Whoever writes to memcached must not be able to say who somebody is.
        "memcache_security_strategy": "ENCRYPT",
        "memcache_secret_key": secret(f"keystone:users:{name}"),
    }


def token_cache(view, threads):
    """
    Return where a service remembers what Keystone said: options of keystonemiddleware.

    view
        What ``openstack_ha.view`` returns.

    threads
        Of each process.
    """
    return {
        "memcached_servers": caches(view),
        # A dead one costs each process a second, once in half a minute.
        "memcache_pool_socket_timeout": 1,
        "memcache_pool_dead_retry": 30,
        "memcache_pool_maxsize": threads,
        "memcache_pool_conn_get_timeout": 1,
    }


def native_threads():
    """Return the path of what every service that uWSGI runs imports before its application."""
    return NATIVE_THREADS


def uwsgi(service, view, cores, **more):
    """
    Return the section ``uwsgi`` of a service that uWSGI runs, on the node's own address.

    service
        Its name, its section's and its folders'.

    view
        What ``openstack_ha.view`` returns.

    cores
        Of the node.

    more
        Further options.
    """
    options = view[service]
    count, threads = size(options, cores)
    return {
        "plugins": "python3",
        "http-socket": f"{host(view['self']['address'])}:{options['port']}",
        "master": "true",
        "processes": count,
        "threads": threads,
        "enable-threads": "true",
        "pyimport": NATIVE_THREADS,
        "lazy-apps": "true",
        "need-app": "true",
        "thunder-lock": "true",
        "die-on-term": "true",
        "no-orphans": "true",
        # A worker that ends takes no Python apart: greenlet's thread state is gone by then, and it
        # would die of a segmentation fault. https://github.com/python-greenlet/greenlet/issues/330
        "skip-atexit-teardown": "true",
        "buffer-size": 65535,
        "listen": 100,
        # It closes after each answer and does not say so: HAProxy would send the next request of a
        # client into a connection that is about to end, and close the client's too.
        # https://docs.haproxy.org/2.6/configuration.html#option%20http-server-close
        "add-header": "Connection: close",
        # Workers are replaced one after another, so a reload refuses nobody.
        "master-fifo": f"/run/{service}/fifo",
        "procname-prefix": f"{service}-",
        # HAProxy has a line for each request, and whoever leaves before the answer is no fault.
        "disable-logging": "true",
        "ignore-sigpipe": "true",
        "ignore-write-errors": "true",
        "disable-write-exception": "true",
        "chdir": f"/var/lib/{service}",
        **more,
    }


def processes(chosen, cores):
    """
    Return the number of processes: as chosen, else two to eight by cores.

    chosen
        ``workers`` of a service.

    cores
        Of the node.
    """
    return min(max(cores, 2), MOST_PROCESSES) if chosen == "auto" else chosen


def size(options, cores):
    """
    Return the processes of a service that uWSGI runs, and the threads of each. Without threads a
    process works at one request, and waits for other services more than it works: there are twice
    as many then.

    options
        The service's section: ``workers``, and ``threads`` where it is made for them.

    cores
        Of the node.
    """
    count = processes(options["workers"], cores)
    if "threads" in options:
        return count, options["threads"]
    return (2 * count if options["workers"] == "auto" else count), 1
