"""The lab's cluster file: pillar.example with secrets of its own and the lab's small sizes."""

from __future__ import annotations

import ipaddress
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path

import yaml

from . import authority
from .errors import LabError

ROOT = Path(__file__).parent.parent
KEY = "openstack_ha"

# profile -> the roles that it has nodes for
PROFILES = {
    "core": ("controller",),
    "full": ("controller", "proxy", "storage"),
    "nova-network": ("controller", "proxy", "storage", "compute"),
}
# Sections about virtual machines, which a cluster without compute nodes has not; and the dashboard,
# which could do without them, but makes a smaller lab's deployment longer.
OF_MACHINES = ("nova", "nova_network", "horizon")
# By which it is looked at through a port of this machine.
HERE = "localhost"

# Eight hosts share one machine's memory and cores here.
SIZES = {
    "galera": {"buffer_pool": "256M", "gcache_size": "128M"},
    "memcached": {"memory": 64},
    # Two, so that one serves while the other one is replaced.
    "keystone": {"workers": 2, "threads": 4},
    "glance": {"workers": 2, "threads": 4},
    "placement": {"workers": 2, "threads": 4},
    "horizon": {"workers": 4, "hosts": [HERE]},
    # Each compute node takes the whole machine's memory for its own.
    "nova": {"workers": 1, "reserved_memory": 128, "cpu_ratio": 16, "build_timeout": 600},
    "swift": {
        **{name: {"workers": 1} for name in ("proxy", "account", "container", "object")},
        # Few parts: a pass of replication takes seconds.
        "rings": {name: {"part_power": 8} for name in ("account", "container", "object")},
    },
}

sys.path.append(str(ROOT / "_utils"))
import openstack_ha_cluster  # noqa: E402
import openstack_ha_secrets  # noqa: E402
import openstack_ha_tls  # noqa: E402


def merged(base: Mapping, over: Mapping) -> dict:
    """Return `base` with the leaves of `over` on top."""
    result = dict(base)
    for key, value in over.items():
        both = isinstance(value, Mapping) and isinstance(result.get(key), Mapping)
        result[key] = merged(result[key], value) if both else value
    return result


def for_profile(cluster: Mapping, profile: str) -> dict:
    """Return the cluster with the nodes and the roles of a profile only.

    Without compute nodes nothing of what runs machines is left.
    """
    if profile not in PROFILES:
        raise LabError(f"Profile {profile!r} is unknown; there are: {', '.join(PROFILES)}")
    roles = PROFILES[profile]
    kept = {
        key: {**node, "roles": [role for role in node["roles"] if role in roles]}
        for key, node in cluster["nodes"].items()
    }
    found = {**cluster, "nodes": {key: node for key, node in kept.items() if node["roles"]}}
    if "compute" not in roles:
        network = {key: value for key, value in cluster["network"].items() if key != "provider"}
        found = {key: value for key, value in found.items() if key not in OF_MACHINES}
        found["network"] = network
    return found


def moved(cluster: Mapping, cidr: str) -> dict:
    """Return the cluster with every address at the same place of another network."""
    expanded = openstack_ha_cluster.expand(cluster)
    old = ipaddress.ip_network(cluster["network"]["management"])
    step = int(ipaddress.ip_network(cidr)[0]) - int(old[0])

    def there(address: str) -> str:
        return str(ipaddress.ip_address(address) + step)

    def range_there(text: str) -> str:
        """Return a CIDR or a range such as 192.0.2.10-19; one elsewhere stays where it is."""
        first, sign, last = re.fullmatch(r"([\d.]+)([-/]?)(.*)", text).groups()
        if ipaddress.ip_address(first) not in old:
            return text
        if sign == "-":
            last = there(f"{first.rpartition('.')[0]}.{last}").rpartition(".")[2]
        return there(first) + sign + last

    found = {
        **expanded,
        "network": {**cluster["network"], "management": cidr},
        "vip": {**cluster["vip"], "address": there(cluster["vip"]["address"])},
        "nodes": {
            node_id: {**node, "address": there(node["address"])}
            for node_id, node in expanded["nodes"].items()
        },
    }
    pools = cluster.get("nova_network", {}).get("floating_pools")
    if pools:
        moved_pools = {
            name: {**pool, "ranges": [range_there(one) for one in pool["ranges"]]}
            for name, pool in pools.items()
        }
        found["nova_network"] = {**cluster["nova_network"], "floating_pools": moved_pools}
    return found


def prepare(source: Mapping, kept: Path, profile: str, cidr: str) -> dict:
    """Write the lab's cluster file to `kept`, made from `source`, and return its content.

    Secrets that `kept` already has stay; placeholders of `source` are never used.
    """
    known = load(kept) if kept.exists() else {}
    cluster = moved(for_profile(merged(source, SIZES), profile), cidr)
    cluster["secrets"] = known.get("secrets", {})
    certify(cluster, known)
    cluster["secrets"] = openstack_ha_secrets.generate(
        cluster, openstack_ha_cluster.all_systems(cluster)
    )
    write_private(kept, yaml.safe_dump({KEY: cluster}, sort_keys=False))
    return cluster


def certify(cluster: dict, known: Mapping) -> None:
    """Give the cluster a certificate of its own; that of before as long as the VIP stays."""
    made = {name: known.get("tls", {}).get(name) for name in ("ca", "certificate")}
    if not all(made.values()) or known["vip"] != cluster["vip"]:
        made = authority.issue(cluster["vip"]["fqdn"], cluster["vip"]["address"])
        cluster["secrets"]["tls"] = {"key": made.pop("key")}
    cluster["tls"] = {**cluster.get("tls", {}), **made}


def load(path: Path) -> dict:
    """Return the content of a cluster file."""
    try:
        return yaml.safe_load(path.read_text())[KEY]
    except (OSError, KeyError, TypeError, yaml.YAMLError) as exc:
        raise LabError(f"{path} is no cluster file with the key {KEY}: {exc!r}") from exc


def complete(cluster: Mapping) -> dict:
    """Return the cluster as the formula sees it: each node by its id, all defaults filled in."""
    return openstack_ha_cluster.complete(cluster)


def disks(cluster: Mapping, node_id: str) -> list[str]:
    """Return the names of the disks below /dev that a complete cluster's node has for Swift."""
    if cluster["swift"]["devices"]["kind"] != "disks":
        return []
    devices = cluster["nodes"][node_id].get("storage", {}).get("devices", {})
    return [str(Path(device["path"]).relative_to("/dev")) for device in devices.values()]


def url(cluster: Mapping, port: int) -> str:
    """Return the address of an HTTP service on the VIP of a complete cluster."""
    return openstack_ha_tls.url(cluster, port)


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner may read, at no moment half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(path.suffix + ".new")
    draft.touch(mode=0o600)
    draft.write_text(text)
    os.replace(draft, path)
