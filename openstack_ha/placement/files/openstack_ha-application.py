# Written by Salt (openstack_ha.placement); changes made here are lost.
"""
Placement for uWSGI, with the health check that it lacks: HAProxy asks it, and a server that is to
be renewed says there that it does not serve.
"""

from oslo_middleware import Healthcheck
from placement.wsgi import init_application

application = Healthcheck(
    init_application(),
    {
        "backends": "disable_by_file",
        "disable_by_file_path": "/run/openstack-ha-health/placement.maintenance",
    },
)
