"""
Notes' configuration as data, as ``openstack_ha_options`` describes it.
"""

import openstack_ha_db_sync
import openstack_ha_options


def files(view, cores):
    """
    Return the files of a controller by their names below /etc/notes.

    view
        What ``openstack_ha.view`` returns.

    cores
        Of the node.
    """
    options = view["notes"]
    local = openstack_ha_db_sync.local_connection("notes", view)
    uwsgi = openstack_ha_options.uwsgi(
        "notes", view, cores, **{"wsgi-file": "/usr/bin/notes-api-wsgi"}
    )
    server = {
        "database": openstack_ha_db_sync.pool("notes", view, options["threads"]),
        "keystone_authtoken": {
            **openstack_ha_options.service_user(view, "notes"),
            **openstack_ha_options.token_cache(view, options["threads"]),
        },
        "healthcheck": {
            "backends": "disable_by_file",
            "disable_by_file_path": "/run/openstack-ha-health/notes.maintenance",
        },
    }
    return {
        "notes.conf": openstack_ha_options.merged(server, options["options"]),
        openstack_ha_db_sync.LOCAL_CONFIG: {"database": {"connection": local}},
        "openstack_ha-uwsgi.ini": {"uwsgi": uwsgi},
    }
