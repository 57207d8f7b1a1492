"""
Placement's configuration as data, as ``openstack_ha_options`` describes it.
"""

import openstack_ha_db_sync
import openstack_ha_options

FOLDER = "/etc/placement"
# Placement has its database under a name of its own.
DATABASE = "placement_database"


def files(view, cores):
    """
    Return the files of a controller by their names below /etc/placement.

    view
        What ``openstack_ha.view`` returns.

    cores
        Of the node.
    """
    local = openstack_ha_db_sync.local_connection("placement", view)
    uwsgi = openstack_ha_options.uwsgi(
        "placement", view, cores, **{"wsgi-file": f"{FOLDER}/openstack_ha-application.py"}
    )
    return {
        "placement.conf": openstack_ha_options.merged(_server(view), view["placement"]["options"]),
        openstack_ha_db_sync.LOCAL_CONFIG: {DATABASE: {"connection": local}},
        "openstack_ha-uwsgi.ini": {"uwsgi": uwsgi},
    }


def _server(view):
    threads = view["placement"]["threads"]
    return {
        "DEFAULT": {"use_stderr": True},
        DATABASE: openstack_ha_db_sync.pool("placement", view, threads),
        "keystone_authtoken": {
            **openstack_ha_options.service_user(view, "placement"),
            **openstack_ha_options.token_cache(view, threads),
        },
    }
