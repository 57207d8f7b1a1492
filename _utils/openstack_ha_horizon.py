"""
Horizon's settings and what uWSGI reads, as data.

A setting's value is what Python knows: a text, a number, a list, a mapping; ``{"secret": path}`` is
a secret, which whoever prints it asks for.
"""

import openstack_ha_options
import openstack_ha_tls

FOLDER = "/etc/openstack-dashboard"
# Beside the package's own, and root's, as it is.
STATIC = "/var/lib/openstack-dashboard/openstack_ha-static"
CA_BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
# They tell each request, and of style sheets what nobody can do anything about.
SILENT = {
    **dict.fromkeys(
        ("iso8601", "keystoneauth", "keystoneclient", "requests", "swiftclient", "urllib3"),
        "WARNING",
    ),
    "scss": "CRITICAL",
}
YEAR = 365 * 86400
# Of Neutron, which is not there: Horizon asks for some of it without a look into the catalog, and
# its overview would be a page of an error.
NO_NEUTRON = dict.fromkeys(
    (
        "enable_auto_allocated_network",
        "enable_distributed_router",
        "enable_fip_topology_check",
        "enable_ha_router",
        "enable_ipv6",
        "enable_quotas",
        "enable_rbac_policy",
        "enable_router",
    ),
    False,
)
# What Horizon has put into it stays.
MERGED = "HORIZON_CONFIG"


def files(view, cores):
    """
    Return the files of a controller by their names below /etc/openstack-dashboard.

    view
        What ``openstack_ha.view`` returns.

    cores
        Of the node.
    """
    return {
        "openstack_ha-uwsgi.ini": {
            "uwsgi": openstack_ha_options.uwsgi(
                "horizon",
                view,
                cores,
                **{
                    "wsgi-file": f"{FOLDER}/openstack_ha-application.py",
                    "env": f"OPENSTACK_HA_STATIC={STATIC}",
                    "static-map": f"/static={STATIC}",
                    # Their names have their content's digest.
                    "static-expires-uri": f"^/static/dashboard/(css|js)/ {YEAR}",
                    # Files take no thread from pages.
                    "offload-threads": 2,
                },
            )
        }
    }


def settings(view):
    """
    Return Horizon's settings, ``{name: value}``, those of the pillar over the formula's own.

    view
        What ``openstack_ha.view`` returns.
    """
    own = view["horizon"]
    return {
        "DEBUG": False,
        "SECRET_KEY": {"secret": "horizon:secret_key"},
        "ALLOWED_HOSTS": _hosts(view),
        "SITE_BRANDING": own["title"],
        "TIME_ZONE": "UTC",
        "WEBROOT": "/",
        "COMPRESS_OFFLINE": True,
        # Nothing is kept there that anybody would miss: sessions are the browsers'.
        "CACHES": {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}},
        **_sessions(view),
        "SECURE_PROXY_ADDR_HEADER": "HTTP_X_FORWARDED_FOR",
        "OPENSTACK_KEYSTONE_URL": f"{openstack_ha_options.keystone_url(view)}/v3",
        "OPENSTACK_KEYSTONE_DEFAULT_ROLE": "member",
        "OPENSTACK_SSL_CACERT": CA_BUNDLE,
        **_domains(own["domains"]),
        # The browser gives an image to Glance itself; a controller's disk would not hold it, and a
        # restart would lose it.
        "HORIZON_IMAGES_UPLOAD_MODE": "direct",
        # Everybody may make one.
        "CREATE_IMAGE_DEFAULTS": {"image_visibility": "private"},
        "OPENSTACK_NEUTRON_NETWORK": NO_NEUTRON,
        "LOGGING": _logging(),
        **own["options"],
    }


def statements(found):
    """
    Return settings as lines of Python: lists of texts and of ``{"secret": path}`` that are printed
    one after another.

    found
        What ``settings`` returns.
    """
    return [_statement(name, value) for name, value in found.items()]


def origins(view):
    """
    Return where pages come from, as browsers tell it to other services.

    view
        What ``openstack_ha.view`` returns.
    """
    own = view["horizon"]
    port = own["https_port"] if openstack_ha_tls.is_on(view) else own["http_port"]
    return [openstack_ha_tls.origin(view, name, port) for name in _names(view)]


def site(options):
    """
    Return what of the pillar is in static files, or may be.

    options
        The section ``horizon`` with its defaults.
    """
    return {"logo": options.get("logo"), "options": options["options"]}


def _names(view):
    return [view["vip"]["fqdn"], *view["horizon"]["hosts"]]


def _hosts(view):
    return [*_names(view), openstack_ha_options.host(view["vip"]["address"])]


def _sessions(view):
    """
    A session is in its browser, signed: it survives any controller, no highstate ends it, and
    whoever reaches memcached, which asks nobody for a password, has none.
    """
    has_tls, timeout = openstack_ha_tls.is_on(view), view["horizon"]["session_timeout"]
    return {
        "SESSION_ENGINE": "django.contrib.sessions.backends.signed_cookies",
        "SESSION_TIMEOUT": timeout,
        # The age of a signature; each page signs anew.
        "SESSION_COOKIE_AGE": timeout,
        "SESSION_COOKIE_HTTPONLY": True,
        **{f"{kind}_COOKIE_SECURE": has_tls for kind in ("SESSION", "CSRF", "LANGUAGE")},
        **{f"{kind}_COOKIE_SAMESITE": "Lax" for kind in ("SESSION", "CSRF", "LANGUAGE")},
        **({"SECURE_PROXY_SSL_HEADER": ["HTTP_X_FORWARDED_PROTO", "https"]} if has_tls else {}),
    }


def _domains(names):
    if not names:
        return {}
    return {
        "OPENSTACK_KEYSTONE_MULTIDOMAIN_SUPPORT": True,
        "OPENSTACK_KEYSTONE_DOMAIN_DROPDOWN": True,
        "OPENSTACK_KEYSTONE_DOMAIN_CHOICES": [[name, name] for name in names],
    }


def _logging():
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"plain": {"format": "%(levelname)s %(name)s %(message)s"}},
        "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "plain"}},
        "root": {"handlers": ["console"], "level": "INFO"},
        "loggers": {name: {"level": level} for name, level in SILENT.items()},
    }


def _statement(name, value):
    if isinstance(value, dict) and set(value) == {"secret"}:
        # Inert between quotes, as every secret is.
        return openstack_ha_options.secret(value["secret"], f'{name} = "', '"')
    if name == MERGED:
        return [f"{name}.update({ascii(value)})"]
    return [f"{name} = {ascii(value)}"]
