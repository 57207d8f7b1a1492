"""The management network: one bridge with fixed addresses."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from pathlib import Path

import docker
from docker.errors import APIError
from docker.types import IPAMConfig, IPAMPool

from .engine import LABEL
from .errors import LabError

# The first that exists has this machine's own resolvers, without a local cache in between.
RESOLV_CONF = (Path("/run/systemd/resolve/resolv.conf"), Path("/etc/resolv.conf"))
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


def nameservers(resolv_conf: str) -> list[str]:
    """Return the nameservers of a resolv.conf that a container can reach."""
    words = [line.split() for line in resolv_conf.splitlines()]
    found = [line[1] for line in words if line[:1] == ["nameserver"] and len(line) > 1]
    return [server for server in found if not ipaddress.ip_address(server).is_loopback]


def nameservers_here() -> list[str]:
    """Return this machine's nameservers, for hosts that do without Docker's.

    Docker's own resolver knows every host's name, and would hide what /etc/hosts lacks.
    """
    texts = [path.read_text() for path in RESOLV_CONF if path.exists()]
    return nameservers(texts[0]) if texts else []


def first_free(wanted: str, taken: Iterable[str]) -> str:
    """Return `wanted`, or the next network of its size that overlaps none of `taken`."""
    network = ipaddress.ip_network(wanted)
    used = [ipaddress.ip_network(cidr) for cidr in taken]
    while any(network.version == other.version and network.overlaps(other) for other in used):
        following = network.broadcast_address + 1
        network = ipaddress.ip_network(f"{following}/{network.prefixlen}")
    return str(network)


def choose(client: docker.DockerClient, lab: str, wanted: str) -> str:
    """Return the network of a lab that exists, or one that is free on this machine."""
    own = _of_lab(client, lab)
    if own:
        return _subnets(own)[0]
    return first_free(wanted, [cidr for each in client.networks.list() for cidr in _subnets(each)])


def ensure(client: docker.DockerClient, lab: str, cidr: str):
    """Return the lab's management network, made if it is not there."""
    own = _of_lab(client, lab)
    if own:
        return own
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
            f"Network {cidr} for lab {lab!r} cannot be made: {exc.explanation}. Does this machine "
            "use it elsewhere? `ip route`; LAB_CLUSTER=<file> takes another cluster file"
        ) from exc


def _of_lab(client: docker.DockerClient, lab: str):
    return next(iter(client.networks.list(filters={"label": f"{LABEL}={lab}"})), None)


def _subnets(network) -> list[str]:
    return [pool["Subnet"] for pool in network.attrs["IPAM"]["Config"] or [] if "Subnet" in pool]
