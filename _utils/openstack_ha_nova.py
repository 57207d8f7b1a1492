"""
Nova's configuration as data, as ``openstack_ha_options`` describes it.

A compute node has no section of the database: what its services want from there they ask the
conductor for.
"""

import openstack_ha_db_sync
import openstack_ha_messaging
import openstack_ha_nova_migration
import openstack_ha_nova_network_conf
import openstack_ha_nova_quota
import openstack_ha_nova_system
import openstack_ha_options
import openstack_ha_tls

FOLDER = openstack_ha_nova_system.FOLDER
STATE = "/var/lib/nova"
PROGRAMS = openstack_ha_nova_system.PROGRAMS
# Those of ours that stand in for Debian's.
WRAPPERS = "/usr/libexec/openstack_ha/nova"
DATABASE, API_DATABASE = "nova", "nova_api"
# Sessions of a process with the database, whose threads are eventlet's.
SESSIONS = 10
# Seconds in which what a service has begun may end, when it is stopped.
GRACE = 60
HEALTH = "/run/openstack-ha-health/nova.maintenance"

# oslo.log's own, without what each start and each of HAProxy's checks would say: that nova-network
# is deprecated, and that the API serves. HAProxy has a line for each request.
LEVELS = {
    **dict.fromkeys(
        (
            "amqp", "sqlalchemy", "urllib3.connectionpool", "urllib3.util.retry", "websocket",
            "keystonemiddleware", "routes.middleware", "stevedore", "keystoneauth",
            "nova.osapi_compute.wsgi.server", "nova.metadata.wsgi.server",
        ),
        "WARNING",
    ),
    **dict.fromkeys(("oslo.messaging", "oslo_messaging", "oslo.cache", "oslo_policy"), "INFO"),
    "oslo_config.cfg": "ERROR",
}  # fmt: skip

# As in Nova's own api-paste.ini, without what is not in use.
PIPELINE = "cors http_proxy_to_wsgi compute_req_id faultwrap request_log sizelimit"
FILTERS = {
    "cors": "oslo_middleware.cors:filter_factory",
    "http_proxy_to_wsgi": "oslo_middleware.http_proxy_to_wsgi:HTTPProxyToWSGI.factory",
    "compute_req_id": "nova.api.compute_req_id:ComputeReqIdMiddleware.factory",
    "faultwrap": "nova.api.openstack:FaultWrapper.factory",
    "request_log": "nova.api.openstack.requestlog:RequestLog.factory",
    "sizelimit": "oslo_middleware:RequestBodySizeLimiter.factory",
    "authtoken": "keystonemiddleware.auth_token:filter_factory",
    "keystonecontext": "nova.api.auth:NovaKeystoneContext.factory",
    "legacy_v2_compatible": "nova.api.openstack:LegacyV2CompatibleWrapper.factory",
}


def files(view, cores):
    """
    Return the files of a node by their names below /etc/nova.

    view
        What ``openstack_ha.view`` returns.

    cores
        Of the node.
    """
    roles = view["self"]["roles"]
    found = {
        "nova.conf": openstack_ha_options.merged(_common(view, cores), view["nova"]["options"]),
        "api-paste.ini": _paste(),
        "rootwrap.conf": _rootwrap(),
    }
    if "controller" in roles:
        found[openstack_ha_db_sync.LOCAL_CONFIG] = {
            "database": {"connection": openstack_ha_db_sync.local_connection(DATABASE, view)},
            "api_database": {
                "connection": openstack_ha_db_sync.local_connection(DATABASE, view, API_DATABASE)
            },
        }
    if "compute" in roles:
        found["nova-network.conf"] = openstack_ha_nova_network_conf.own_file()
    return found


def compute_file(options, has_kvm):
    """
    Return the file of a compute node that follows from the node itself, nova-compute.conf.

    options
        Nova's section of the cluster file. What its ``options`` have of this goes before: the file
        is read after nova.conf.

    has_kvm
        Whether the node's processor and kernel run machines for qemu.
    """
    chosen = options["virt_type"]
    kind = chosen if chosen != "auto" else "kvm" if has_kvm else "qemu"
    file = {
        "DEFAULT": {"compute_driver": "libvirt.LibvirtDriver"},
        "libvirt": {
            "virt_type": kind,
            "cpu_mode": "host-model" if kind == "kvm" else "none",
            # Nova 18 makes overlays that do not say their base's format, which qemu refuses since
            # 6.1: https://bugs.launchpad.net/nova/+bug/1864020
            "images_type": "raw",
        },
    }
    return {
        section: {
            key: openstack_ha_options.given(options["options"].get(section, {}).get(key, own[key]))
            for key in own
        }
        for section, own in file.items()
    }


def folders(own):
    """
    Return the folders that Nova writes to.

    own
        The node, as in ``openstack_ha.view``. One with a disk of its own for machines' disks has
        those there, and below it nobody writes.
    """
    has_disk = "instances" in own.get("compute", {})
    names = ("networks", "tmp", "lock") if has_disk else ("instances", "networks", "tmp", "lock")
    return [STATE, *(f"{STATE}/{name}" for name in names)]


def _common(view, cores):
    own = view["self"]
    has_database, has_machines = (role in own["roles"] for role in ("controller", "compute"))
    return {
        "DEFAULT": {
            "my_ip": own["address"],
            "host": own["hostname"],
            "use_stderr": True,
            "default_log_levels": ",".join(f"{name}={level}" for name, level in LEVELS.items()),
            "state_path": STATE,
            "tempdir": f"{STATE}/tmp",
            "transport_url": openstack_ha_messaging.transport_url(view, "nova"),
            "rootwrap_config": f"{FOLDER}/rootwrap.conf",
            "graceful_shutdown_timeout": GRACE,
            **(_api(view, cores) if has_database else {}),
            **_metadata(view),
            **_ratios(view["nova"]),
            **openstack_ha_nova_network_conf.options(view),
        },
        **(_databases(view) if has_database else {}),
        **({"libvirt": openstack_ha_nova_migration.options(view)} if has_machines else {}),
        "api": {"auth_strategy": "keystone"},
        "wsgi": {"api_paste_config": f"{FOLDER}/api-paste.ini"},
        "oslo_messaging_rabbit": openstack_ha_messaging.options(view),
        "oslo_concurrency": {"lock_path": f"{STATE}/lock"},
        "oslo_middleware": {"enable_proxy_headers_parsing": True},
        "keystone_authtoken": {
            **openstack_ha_options.service_user(view, "nova"),
            **(openstack_ha_options.token_cache(view, SESSIONS) if has_database else {}),
        },
        "placement": _asks(view),
        "glance": {
            "api_servers": openstack_ha_tls.url(view, view["glance"]["port"]),
            # None by default: a machine would end in an error while the VIP moves. A connection
            # that is silent ends by TCP keepalive, which keystoneauth sets.
            "num_retries": 3,
        },
        "conductor": {"workers": _workers(view, cores)},
        # The coordinator brings hosts into their cell: schedulers that look by themselves do so all
        # at once.
        "scheduler": {"workers": 1, "discover_hosts_in_cells_interval": -1},
        "quota": openstack_ha_nova_quota.quota(view),
        "vnc": _consoles(view),
        **_helpers(),
    }


def _api(view, cores):
    return {
        "enabled_apis": "osapi_compute",
        "osapi_compute_listen": view["self"]["address"],
        "osapi_compute_listen_port": view["nova"]["port"],
        "osapi_compute_workers": _workers(view, cores),
    }


def _metadata(view):
    address, port = view["self"]["address"], view["nova"]["metadata_port"]
    return {
        "metadata_listen": address,
        "metadata_listen_port": port,
        "metadata_workers": 1,
        # Where a machine's requests to 169.254.169.254 go: to its own node.
        "metadata_host": address,
        "metadata_port": port,
    }


def _ratios(options):
    return {
        "cpu_allocation_ratio": options["cpu_ratio"],
        "ram_allocation_ratio": options["memory_ratio"],
        "disk_allocation_ratio": options["disk_ratio"],
        "reserved_host_memory_mb": options["reserved_memory"],
        "reserved_host_disk_mb": options["reserved_disk"] * 1024,
        "resume_guests_state_on_host_boot": options["resume_machines"],
        # By the compute node itself; openstack_ha_nova_builds_rule sees to those that have none.
        "instance_build_timeout": options["build_timeout"],
    }


def _databases(view):
    return {
        "database": openstack_ha_db_sync.pool(DATABASE, view, SESSIONS),
        "api_database": openstack_ha_db_sync.pool(DATABASE, view, SESSIONS, API_DATABASE),
    }


def _asks(view):
    return {
        "auth_type": "password",
        "auth_url": f"{openstack_ha_options.keystone_url(view)}/v3",
        "username": "nova",
        "password": openstack_ha_options.secret("keystone:users:nova"),
        "project_name": "service",
        "user_domain_id": "default",
        "project_domain_id": "default",
        "region_name": view["keystone"]["region"],
        "valid_interfaces": "internal",
        # Seconds; else a question on its way while the VIP moves waits for ever.
        "timeout": 30,
        "connect_retries": 3,
    }


def _consoles(view):
    own, options = view["self"]["address"], view["nova"]
    return {
        "enabled": True,
        # Machines' screens, on compute nodes.
        "server_listen": own,
        "server_proxyclient_address": own,
        # Who passes them on, on controllers.
        "novncproxy_host": own,
        "novncproxy_port": options["console_port"],
        "novncproxy_base_url": (
            f"{openstack_ha_tls.url(view, options['console_port'])}/vnc_lite.html"
        ),
    }


def _helpers():
    helper = f"sudo nova-rootwrap {FOLDER}/rootwrap.conf privsep-helper"
    names = ("nova_sys_admin", "vif_plug_linux_bridge_privileged", "privsep_osbrick")
    return {
        name: {"helper_command": f"{helper} --config-file {FOLDER}/nova.conf"} for name in names
    }


def _workers(view, cores):
    return openstack_ha_options.processes(view["nova"]["workers"], cores)


def _paste():
    app = "osapi_compute_app_v21"
    pipelines = {
        "openstack_compute_api_v21": f"{PIPELINE} authtoken keystonecontext {app}",
        "openstack_compute_api_v21_legacy_v2_compatible": (
            f"{PIPELINE} authtoken keystonecontext legacy_v2_compatible {app}"
        ),
    }
    return {
        "composite:osapi_compute": {
            "use": "call:nova.api.openstack.urlmap:urlmap_factory",
            "/": "oscomputeversions",
            "/healthcheck": "healthcheck",
            "/v2": "openstack_compute_api_v21_legacy_v2_compatible",
            "/v2.1": "openstack_compute_api_v21",
        },
        **{
            f"composite:{name}": {
                "use": "call:nova.api.auth:pipeline_factory_v21",
                "keystone": pipeline,
            }
            for name, pipeline in pipelines.items()
        },
        f"app:{app}": {"paste.app_factory": "nova.api.openstack.compute:APIRouterV21.factory"},
        "pipeline:oscomputeversions": {
            "pipeline": "cors faultwrap request_log http_proxy_to_wsgi oscomputeversionapp"
        },
        "app:oscomputeversionapp": {
            "paste.app_factory": "nova.api.openstack.compute.versions:Versions.factory"
        },
        "app:healthcheck": {
            "paste.app_factory": "oslo_middleware:Healthcheck.app_factory",
            "backends": "disable_by_file",
            "disable_by_file_path": HEALTH,
        },
        "composite:metadata": {"use": "egg:Paste#urlmap", "/": "meta"},
        "pipeline:meta": {"pipeline": "cors metaapp"},
        "app:metaapp": {
            "paste.app_factory": "nova.api.metadata.handler:MetadataRequestHandler.factory"
        },
        **{
            f"filter:{name}": {
                "paste.filter_factory": factory,
                **({"oslo_config_project": "nova"} if name == "cors" else {}),
            }
            for name, factory in FILTERS.items()
        },
    }


def _rootwrap():
    places = [WRAPPERS, f"{PROGRAMS}/bin", "/usr/sbin", "/sbin", "/usr/bin", "/bin"]
    return {
        "DEFAULT": {
            "filters_path": f"{PROGRAMS}/etc/nova/rootwrap.d",
            "exec_dirs": ",".join(places),
            "use_syslog": False,
        }
    }
