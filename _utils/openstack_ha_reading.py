"""
What each part of a node reads, as data: where it is the same, so are the part's files.

Whoever has its files as data (``files`` of its own utils module, ``openstack_ha_swift_conf``,
HAProxy's listeners) is asked for them; the others read their section of the cluster file, and what
of the whole cluster stands here. What follows from the node itself, as its cores, is the same on
both sides of a comparison, and not known here.
"""

import importlib

import openstack_ha_cluster
import openstack_ha_haproxy
import openstack_ha_secret_options
import openstack_ha_secrets
import openstack_ha_swift_conf
import openstack_ha_systems
import openstack_ha_tls

# Salt's path leads here only while it loads this file.
FILES = {
    name: importlib.import_module(f"openstack_ha_{name}").files
    for name in openstack_ha_systems.schemas()
}
# Whose files another one reads.
READS_OF = {"nova_network": "nova"}

# Like nobody's number of processes.
CORES = 5
# Where the node's own interface stands, which only the node knows.
LOOKED_UP = "looked up"
CERTIFICATE = "its certificate"
# Options that no file has: how long a state waits, and what goes to a server that runs.
NO_FILE = {
    "galera": ("accounts", "patience"),
    "rabbitmq": ("users", "vhosts", "policies", "queues", "access"),
}
# What of the whole cluster, and which secrets, those read whose files are not data.
WHOLE = {
    "galera": ("name", "controllers"),
    "rabbitmq": ("name", "controllers"),
    "keepalived": ("vip", "controllers"),
    "health": ("galera:extra_port", "rabbitmq:port", "rabbitmq:management_port"),
}
SECRETS = {"health": ("galera:accounts:health", "rabbitmq:users:health")}
# Beside its files, what they do not have.
BESIDE = {"nova": ("nova:wheels", "nova:virt_type")}


def view(cluster, minion_id):
    """
    Return a node's view as its files are made of it, None for a stranger.

    cluster
        A complete cluster.

    minion_id
        The node.
    """
    seen = openstack_ha_secret_options.referred(openstack_ha_cluster.view(cluster, minion_id))
    if not seen:
        return None
    own = {"interface": LOOKED_UP, **seen["nodes"][minion_id], "id": minion_id}
    priority = openstack_ha_cluster.vrrp_priorities(seen).get(minion_id)
    return {
        **seen,
        "self": {**own, "vrrp_priority": priority},
        "vip": {"interface": own["interface"], **seen["vip"]},
        "controllers": openstack_ha_cluster.controllers(seen),
    }


def read(seen, part):
    """
    Return what a part of a node reads, with secrets as the view has them.

    seen
        What ``view`` returns.

    part
        One of the node's parts.
    """
    return _resolved(_files(seen, part), seen["secrets"])


def _files(seen, part):
    section = part.partition(".")[0]
    if part == "haproxy":
        return _of_haproxy(seen)
    if section == "swift":
        return _of_swift(seen, part)
    files = FILES.get(READS_OF.get(section, section))
    if files is None:
        return _of_section(seen, section)
    return {**files(seen, CORES), **{path: _at(seen, path) for path in BESIDE.get(section, ())}}


def _of_haproxy(seen):
    rows = openstack_ha_systems.vip_rows()
    return {
        "listeners": openstack_ha_haproxy.listeners(rows, seen, CERTIFICATE, CORES),
        "bind": openstack_ha_haproxy.bind_options(seen, CERTIFICATE),
        "certificate": {**seen["tls"], "key": [{"secret": "tls:key"}]}
        if openstack_ha_tls.is_on(seen)
        else None,
        "vip": seen["vip"],
        "own": seen["haproxy"],
        "password": [{"secret": "haproxy:stats"}],
    }


def _of_swift(seen, part):
    files = openstack_ha_swift_conf.shared_files(seen)
    if part == "swift.storage":
        return {**files, **openstack_ha_swift_conf.storage_files(seen), "own": seen["self"]}
    if part == "swift.proxy":
        proxies = openstack_ha_cluster.nodes_with(seen, part)
        return {**files, **openstack_ha_swift_conf.proxy_files(seen, proxies)}
    return files


def _of_section(seen, section):
    without = NO_FILE.get(section, ())
    return {
        "own": {key: one for key, one in seen.get(section, {}).items() if key not in without},
        "address": seen["self"]["address"],
        "hostname": seen["self"]["hostname"],
        **{path: _at(seen, path) for path in WHOLE.get(section, ())},
        "secrets": [{"secret": path} for path in SECRETS.get(section, ())],
    }


def _resolved(value, secrets):
    """With the secret in place of each ``{"secret": path}``."""
    if isinstance(value, dict):
        if set(value) == {"secret"}:
            return openstack_ha_secrets.found(secrets, value["secret"])
        return {key: _resolved(one, secrets) for key, one in value.items()}
    return [_resolved(one, secrets) for one in value] if isinstance(value, list) else value


def _at(tree, path):
    """What stands at a path, None where nothing does."""
    for key in path.split(":"):
        tree = tree.get(key) if isinstance(tree, dict) else None
    return tree
