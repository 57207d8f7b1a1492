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
# How Docker says that another network has a part of the addresses.
OVERLAP = "overlaps"


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


def claim(client: docker.DockerClient, lab: str, wanted: str):
    """Return the lab's management network, made if it is not there: the wanted one or the next.

    Making it is what claims it, so two labs that begin at the same moment get different ones.
    """
    own = _of_lab(client, lab)
    refused = []
    while not own:
        taken = [cidr for each in client.networks.list() for cidr in subnets(each)]
        cidr = first_free(wanted, [*taken, *refused])
        try:
            own = _create(client, lab, cidr)
        except APIError as exc:
            if OVERLAP not in str(exc.explanation):
                raise LabError(
                    f"Network {cidr} for lab {lab!r} cannot be made: {exc.explanation}. Does this "
                    "machine use it elsewhere? `ip route`; LAB_CLUSTER=<file> takes another "
                    "cluster file"
                ) from exc
            refused.append(cidr)
    return own


def _create(client: docker.DockerClient, lab: str, cidr: str):
    pool = IPAMPool(subnet=cidr, gateway=address_of(cidr, GATEWAY_HOST))
    return client.networks.create(
        network_name(lab),
        driver="bridge",
        ipam=IPAMConfig(pool_configs=[pool]),
        labels={LABEL: lab},
    )


def subnets(network) -> list[str]:
    """Return what addresses a network of Docker's has."""
    return [pool["Subnet"] for pool in network.attrs["IPAM"]["Config"] or [] if "Subnet" in pool]


def _of_lab(client: docker.DockerClient, lab: str):
    return next(iter(client.networks.list(filters={"label": f"{LABEL}={lab}"})), None)
