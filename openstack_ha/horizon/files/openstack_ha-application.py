# Written by Salt (openstack_ha.horizon); changes made here are lost.
"""
Horizon for uWSGI, with a health check, and without what a cloud lacks that has no network service,
or none of volumes.

Horizon has lost nova-network's own pages, and asks whether there is a network service before it
shows most of Neutron's, or one of volumes. Where it does not ask, it is asked here.
"""

import io
import os
import pathlib
import re
from wsgiref.util import setup_testing_defaults

from django.core.wsgi import get_wsgi_application

os.environ["DJANGO_SETTINGS_MODULE"] = "openstack_dashboard.settings"
horizon = get_wsgi_application()

from django.conf import settings  # noqa: E402
from openstack_dashboard import api  # noqa: E402
from openstack_dashboard.dashboards.project.instances import tables, tabs  # noqa: E402
from openstack_dashboard.usage import views as usage  # noqa: E402

CHECK = "/healthcheck"
MAINTENANCE = pathlib.Path("/run/openstack-ha-health/horizon.maintenance")
# Of a form that takes a password, and of what it looks like.
FORM = b"csrfmiddlewaretoken"
FILES = re.compile(rb'"/static/(dashboard/(?:css|js)/[^"?]+)"')


def application(environ, start_response):
    """Answer requests; to HAProxy's checks, whether the login page is whole."""
    if environ.get("PATH_INFO") != CHECK:
        return horizon(environ, start_response)
    fault = "taken out of service" if MAINTENANCE.exists() else lacking(environ)
    status = "503 Service Unavailable" if fault else "200 OK"
    start_response(status, [("Content-Type", "text/plain")])
    return [(fault or "the login page is whole").encode() + b"\n"]


def lacking(environ):
    """Return what the login page lacks, None when it is whole."""
    told = []
    asked = {
        **environ,
        "REQUEST_METHOD": "GET",
        "PATH_INFO": settings.LOGIN_URL,
        "QUERY_STRING": "",
        "HTTP_HOST": settings.ALLOWED_HOSTS[0],
        "HTTP_COOKIE": "",
        "CONTENT_LENGTH": "0",
        "wsgi.input": io.BytesIO(),
    }
    page = b"".join(horizon(asked, lambda status, headers, exc_info=None: told.append(status)))
    if not told[0].startswith("200 ") or FORM not in page:
        return f"the login page is no login page: {told[0]}"
    root = pathlib.Path(settings.STATIC_ROOT)
    files = [found.decode() for found in FILES.findall(page)]
    lost = [name for name in files if not (root / name).is_file()]
    return None if files and not lost else f"the login page lacks {lost or 'its static files'}"


def has_networks(request):
    """Return whether there is a network service, as Horizon's own pages ask."""
    return api.base.is_service_enabled(request, "network")


create = api.nova.server_create


def create_server(request, *arguments, **more):
    """
    Create a machine. From version 2.37 of the API on Nova wants to be told of networks, and nobody
    chooses one where none is shown.
    """
    if not more.get("nics") and not has_networks(request):
        more["nics"] = [{"net-id": "__auto_allocate__"}]
    return create(request, *arguments, **more)


def found(listed):
    """Return what lists something of Neutron's, of which there may be none."""
    return lambda request, *more, **options: (
        listed(request, *more, **options) if has_networks(request) else []
    )


def is_shown(allowed):
    """Return what says whether something of Neutron's is shown."""
    return lambda self, request, *more: has_networks(request) and allowed(self, request, *more)


api.nova.server_create = create_server
# The form of a new machine and the page of one ask in any case.
api.neutron.security_group_list = found(api.neutron.security_group_list)
api.neutron.server_security_groups = found(api.neutron.server_security_groups)
tables.EditPortSecurityGroups.allowed = is_shown(tables.EditPortSecurityGroups.allowed)
tabs.InterfacesTab.allowed = is_shown(tabs.InterfacesTab.allowed)
for section in usage.CHART_DEFS:
    if any(chart.quota_key == "volumes" for chart in section["charts"]):
        # The overview has a heading of it without anything below.
        section["allowed"] = api.cinder.is_volume_service_enabled


def warm():
    """
    Show the login page to nobody. A process does half of its reading and compiling for its first
    page; done before it takes requests, neither a person waits for it nor a check of HAProxy's.
    """
    environ = {}
    setup_testing_defaults(environ)
    lacking(environ)


warm()
