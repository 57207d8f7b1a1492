"""lab/.state/inventory.json: what tests and outside tools start from."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from . import network
from .cluster import url, write_private
from .host import Host

NODE, MASTER, CLIENT = "node", "master", "client"


def credentials(cluster: Mapping) -> dict:
    """Return user and password by service, from a complete cluster.

    Where a service has accounts of the user's, `user` is the first of them; `accounts` has all.
    """
    secrets = cluster["secrets"]
    galera, rabbitmq = secrets["galera"]["accounts"], secrets["rabbitmq"]["users"]
    return {
        "haproxy": {
            "user": cluster["haproxy"]["stats_user"],
            "password": secrets["haproxy"]["stats"],
            **_http(cluster, cluster["haproxy"]["stats_port"]),
        },
        "galera": _service(galera, cluster["galera"]["accounts"], cluster["galera"]["port"]),
        "rabbitmq": _service(rabbitmq, cluster["rabbitmq"]["users"], cluster["rabbitmq"]["port"]),
        "keystone": _keystone(cluster),
        "placement": _http(cluster, cluster["placement"]["port"]),
        **_swift(cluster),
        **_nova(cluster),
        **_horizon(cluster),
    }


def clouds(cluster: Mapping, ca_bundle: str) -> dict:
    """Return the clouds.yaml with which an administrator uses a complete cluster from outside."""
    keystone = _keystone(cluster)
    auth = {
        "auth_url": f"{keystone['url']}/v3",
        "username": keystone["user"],
        "password": keystone["password"],
        "project_name": "admin",
        "user_domain_name": "Default",
        "project_domain_name": "Default",
    }
    region = cluster["keystone"]["region"]
    return {"clouds": {"admin": {"auth": auth, "region_name": region, "cacert": ca_bundle}}}


def _nova(cluster: Mapping) -> dict:
    """Return where machines are asked for, when the lab runs any."""
    if "provider" not in cluster["network"]:
        return {}
    return {"nova": _http(cluster, cluster["nova"]["port"])}


def _horizon(cluster: Mapping) -> dict:
    """Return where the dashboard is, when the lab has it."""
    if "horizon" not in cluster:
        return {}
    return {"horizon": _http(cluster, cluster["horizon"]["https_port"])}


def _http(cluster: Mapping, port: int) -> dict:
    return {"port": port, "url": url(cluster, port)}


def _swift(cluster: Mapping) -> dict:
    """Return how Swift is asked, when the lab has proxies: as Keystone's user, or as tempauth's."""
    swift, secrets = cluster["swift"], cluster["secrets"].get("swift")
    if not secrets:
        return {}
    found = _http(cluster, swift["proxy"]["port"])
    if swift["auth"] == "tempauth":
        own = _service(secrets["users"], swift["users"], found["port"])
        accounts = {name: facts["account"] for name, facts in swift["users"].items()}
        found.update(own, user=f"{accounts[own['user']]}:{own['user']}")
        return {"swift": {**found, "auth_url": f"{found['url']}/auth/v1.0", "auth_version": "1"}}
    keystone = _keystone(cluster)
    (grant, *_) = cluster["keystone"]["assignments"]
    found.update(
        user=grant["user"],
        project=grant["project"],
        password=keystone["accounts"][grant["user"]],
        auth_url=f"{keystone['url']}/v3",
        auth_version="3",
    )
    # Where Swift asks Keystone, it has a place for images.
    return {"swift": found, "glance": _http(cluster, cluster["glance"]["port"])}


def _keystone(cluster: Mapping) -> dict:
    """Return the first administrator, and the passwords of the others."""
    secrets = cluster["secrets"]["keystone"]
    return {
        "user": "admin",
        "password": secrets["admin"],
        **_http(cluster, cluster["keystone"]["port"]),
        "accounts": dict(secrets["users"]),
    }


def _service(passwords: Mapping[str, str], own: Iterable[str], port: int) -> dict:
    user = next(iter([*own, *passwords]))
    return {
        "user": user,
        "password": passwords[user],
        "port": port,
        "accounts": dict(passwords),
    }


def describe(
    lab: str, profile: str, cluster: Mapping, hosts: Iterable[Host], ca_file: Path
) -> dict:
    """Return the inventory of a lab, from a complete cluster and its hosts."""
    cidr = cluster["network"]["management"]
    found = {
        kind: {host.id: _host(host) for host in hosts if host.kind == kind}
        for kind in (MASTER, CLIENT, NODE)
    }
    return {
        "name": lab,
        "cluster": cluster["name"],
        "profile": profile,
        "network": {
            "cidr": cidr,
            "gateway": network.address_of(cidr, network.GATEWAY_HOST),
            "docker_network": network.network_name(lab),
        },
        "vip": {"address": cluster["vip"]["address"], "fqdn": cluster["vip"]["fqdn"]},
        "ca_file": str(ca_file) if "ca" in cluster["tls"] else None,
        "master": next(iter(found[MASTER].values())),
        "client": next(iter(found[CLIENT].values())),
        "nodes": found[NODE],
        "credentials": credentials(cluster),
    }


def _host(host: Host) -> dict:
    described = {"id": host.id, "container": host.container.name, "address": host.address}
    return {**described, "roles": host.roles} if host.kind == NODE else described


def write(path: Path, inventory: Mapping) -> None:
    """Write an inventory."""
    write_private(path, json.dumps(inventory, indent=2) + "\n")


def read(path: Path) -> dict:
    """Return a written inventory."""
    return json.loads(path.read_text())
