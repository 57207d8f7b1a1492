"""
Glance's configuration as data, as ``openstack_ha_options`` describes it.

Images are objects of one account of Swift, that of the service's own user.
"""

import openstack_ha_db_sync
import openstack_ha_glance_system
import openstack_ha_horizon
import openstack_ha_options
import openstack_ha_tls

FOLDER = openstack_ha_glance_system.FOLDER
STATE = "/var/lib/glance"

REFERENCE = "images"
# Not image-cache, in which Debian's package makes folders that only root may write to.
CACHE = f"{STATE}/cached"
# As in Glance's own glance-api-paste.ini, without what is not in use; `cache` is the last but one.
PIPELINE = "healthcheck http_proxy_to_wsgi versionnegotiation authtoken context rootapp"
# Seconds without a byte until an upload is given up.
UPLOAD_PAUSE = 300
# Bytes that a client may send as one chunk: uWSGI's own limit is below 1 MiB, which is what many
# send that do not come by HAProxy.
LARGEST_CHUNK = 64 << 20
# Minutes between two looks at the size of the cache.
PRUNED_EVERY = 10
# MB. What Swift takes as one object is one object: a manifest's parts are found by a container's
# listing, which a server that was away for a while may have an old one of.
LARGEST_OBJECT = 5120
SEGMENT = 200


def files(view, cores):
    """
    Return the files of a controller by their names below /etc/glance/openstack_ha.

    view
        What ``openstack_ha.view`` returns.

    cores
        Of the node.
    """
    local = openstack_ha_db_sync.local_connection("glance", view)
    return {
        "glance-api.conf": openstack_ha_options.merged(_server(view), view["glance"]["options"]),
        "glance-api-paste.ini": _paste(view),
        "swift.conf": _swift(view),
        openstack_ha_db_sync.LOCAL_CONFIG: {"database": {"connection": local}},
        "uwsgi.ini": {"uwsgi": _uwsgi(view, cores)},
    }


def folders(view):
    """
    Return the folders that Glance writes to.

    view
        What ``openstack_ha.view`` returns.
    """
    own = [f"{STATE}/{name}" for name in ("buffer", "staging", "tasks")]
    return [*own, CACHE] if view["glance"]["cache_size"] else own


def _server(view):
    threads, port = view["glance"]["threads"], view["glance"]["port"]
    host = openstack_ha_options.host(view["self"]["address"])
    return {
        "DEFAULT": {
            "use_stderr": True,
            "public_endpoint": openstack_ha_tls.url(view, port),
            # Who has staged an image is asked to import it, whoever gets the request.
            "worker_self_reference_url": f"http://{host}:{port}",
            "enabled_backends": "swift:swift",
            **_cache(view["glance"]["cache_size"]),
        },
        "database": openstack_ha_db_sync.pool("glance", view, threads),
        "glance_store": {"default_backend": "swift"},
        "swift": {
            "swift_store_config_file": f"{FOLDER}/swift.conf",
            "default_swift_reference": REFERENCE,
            "swift_store_container": "glance",
            "swift_store_create_container_on_put": True,
            "swift_store_endpoint_type": "internalURL",
            "swift_store_region": view["keystone"]["region"],
            "swift_store_large_object_size": LARGEST_OBJECT,
            "swift_store_large_object_chunk_size": SEGMENT,
            # A download goes on where a proxy has left it; a segment is sent once more.
            "swift_store_retry_get_count": 5,
            "swift_buffer_on_upload": True,
            "swift_upload_buffer_dir": f"{STATE}/buffer",
        },
        "os_glance_staging_store": {"filesystem_store_datadir": f"{STATE}/staging"},
        "os_glance_tasks_store": {"filesystem_store_datadir": f"{STATE}/tasks"},
        "keystone_authtoken": {
            **openstack_ha_options.service_user(view, "glance"),
            **openstack_ha_options.token_cache(view, threads),
        },
        "paste_deploy": {"config_file": f"{FOLDER}/glance-api-paste.ini"},
        "oslo_middleware": {"enable_proxy_headers_parsing": True},
    }


def _cache(size):
    return {"image_cache_dir": CACHE, "image_cache_max_size": size * 10**9} if size else {}


def _paste(view):
    *filters, app = PIPELINE.split()
    if view["glance"]["cache_size"]:
        filters.append("cache")
    # Pages of the dashboard's have the browser give an image to Glance.
    origins = openstack_ha_horizon.origins(view) if "horizon" in view else []
    if origins:
        filters.insert(0, "cors")
    return {
        "pipeline:glance-api": {"pipeline": " ".join([*filters, app])},
        "composite:rootapp": {
            "paste.composite_factory": "glance.api:root_app_factory",
            "/": "apiversions",
            "/v2": "apiv2app",
        },
        "app:apiversions": {"paste.app_factory": "glance.api.versions:create_resource"},
        "app:apiv2app": {"paste.app_factory": "glance.api.v2.router:API.factory"},
        "filter:healthcheck": {
            "paste.filter_factory": "oslo_middleware:Healthcheck.factory",
            "backends": "disable_by_file",
            "disable_by_file_path": "/run/openstack-ha-health/glance.maintenance",
        },
        "filter:http_proxy_to_wsgi": {
            "paste.filter_factory": "oslo_middleware:HTTPProxyToWSGI.factory"
        },
        "filter:versionnegotiation": {
            "paste.filter_factory": (
                "glance.api.middleware.version_negotiation:VersionNegotiationFilter.factory"
            )
        },
        "filter:authtoken": {
            "paste.filter_factory": "keystonemiddleware.auth_token:filter_factory",
            "delay_auth_decision": True,
        },
        "filter:context": {
            "paste.filter_factory": "glance.api.middleware.context:ContextMiddleware.factory"
        },
        "filter:cache": {"paste.filter_factory": "glance.api.middleware.cache:CacheFilter.factory"},
        **_cors(origins),
    }


def _cors(origins):
    if not origins:
        return {}
    factory = "oslo_middleware.cors:CORS.factory"
    return {
        "filter:cors": {"paste.filter_factory": factory, "allowed_origin": ",".join(origins)},
    }


def _swift(view):
    return {
        REFERENCE: {
            "auth_version": 3,
            "auth_address": f"{openstack_ha_options.keystone_url(view)}/v3",
            "user": "service:glance",
            "key": openstack_ha_options.secret("keystone:users:glance"),
            "user_domain_id": "default",
            "project_domain_id": "default",
        }
    }


def _uwsgi(view, cores):
    return openstack_ha_options.uwsgi(
        "glance",
        view,
        cores,
        **{
            "wsgi-file": f"{FOLDER}/application.py",
            "pythonpath": FOLDER,
            "env": f"OS_GLANCE_CONFIG_DIR={FOLDER}",
            # An image of unknown size comes in chunks, which the application asks uWSGI for.
            "http-chunked-input": "true",
            "wsgi-manage-chunked-input": "true",
            "chunked-input-timeout": UPLOAD_PAUSE,
            "chunked-input-limit": LARGEST_CHUNK,
            "socket-timeout": UPLOAD_PAUSE,
            # An image that goes on longer than this is cut by a reload.
            "worker-reload-mercy": 3 * UPLOAD_PAUSE,
            **_pruning(view["glance"]["cache_size"]),
        },
    )


def _pruning(size):
    """The cache grows past its size until somebody looks, and nobody in Glance does."""
    if not size:
        return {}
    config = f"--config-file {FOLDER}/glance-api.conf"
    tasks = " && ".join(f"/usr/bin/glance-cache-{task} {config}" for task in ("pruner", "cleaner"))
    return {"cron2": f"minute=-{PRUNED_EVERY},unique=1 {tasks}"}
