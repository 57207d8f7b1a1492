"""The management network: one bridge with fixed addresses."""

from __future__ import annotations

import ipaddress

import docker
from docker.errors import APIError
from docker.types import IPAMConfig, IPAMPool

from .engine import LABEL
from .errors import LabError

GATEWAY_HOST, MASTER_HOST, CLIENT_HOST = 1, 2, 200


def address_of(cidr: str, host: int) -> str:
    """Return a network's address number `host`."""
    return str(ipaddress.ip_network(cidr)[host])


def mac_of(address: str) -> str:
    """Return the MAC address that belongs to an IPv4 address, the same at every boot."""
    return "02:42:" + ":".join(f"{byte:02x}" for byte in ipaddress.ip_address(address).packed)


def network_name(lab: str) -> str:
    """Return the Docker name of a lab's management network."""
    return f"{lab}-management"


def ensure(client: docker.DockerClient, lab: str, cidr: str):
    """Return the lab's management network, made if it is not there."""
    for network in client.networks.list(filters={"label": f"{LABEL}={lab}"}):
        return network
    pool = IPAMPool(subnet=cidr, gateway=address_of(cidr, GATEWAY_HOST))
    try:
        return client.networks.create(
            network_name(lab),
            driver="bridge",
            ipam=IPAMConfig(pool_configs=[pool]),
            labels={LABEL: lab},
        )
    except APIError as exc:
        raise LabError(
            f"Network {cidr} for lab {lab!r} cannot be made: {exc.explanation}. Does another lab "
            "use it? `docker network ls`; LAB_CLUSTER=<file> takes another cluster file"
        ) from exc
