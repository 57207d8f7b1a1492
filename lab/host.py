"""One host: a container with systemd as PID 1."""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import NamedTuple

import docker

from . import network, partition, wire
from .engine import LABEL, host_config
from .errors import LabError
from .waiting import PATIENCE, wait_for

ID_LABEL = f"{LABEL}.host"
KIND_LABEL = f"{LABEL}.kind"
ADDRESS_LABEL = f"{LABEL}.address"
ROLES_LABEL = f"{LABEL}.roles"

DISKS = "/etc/lab-disks"
# All character devices are asked for in journald's own unit, and a container has not all to give.
JOURNAL = "/etc/systemd/system/systemd-journald.service.d/lab.conf"
READS_KERNEL_LOG = "[Service]\nDeviceAllow=/dev/kmsg rw\n"
# Sparse; XFS takes no less than 300.
DISK_MEGABYTES = 2048

# How Docker's client says that no command was run.
REFUSAL = ("Error response from daemon", "Error: No such container")


class Result(NamedTuple):
    """How a command ended."""

    rc: int
    out: str
    err: str


@dataclass(frozen=True)
class Plan:
    """What a host is to be; `mounts` maps our paths to its, read-only, `disks` names its disks."""

    kind: str
    id: str
    address: str
    image: str
    hostname: str = ""
    roles: Sequence[str] = ()
    mounts: Mapping[str, str] = field(default_factory=dict)
    disks: Sequence[str] = ()
    # Of the host, each of which is a free one of this machine's loopback address, too.
    ports: Sequence[int] = ()


class Host:
    """A host of the lab, made from its container's labels."""

    def __init__(self, container):
        self.container = container
        self.id: str = container.labels[ID_LABEL]
        self.lab: str = container.labels[LABEL]
        self.kind: str = container.labels[KIND_LABEL]
        self.address: str = container.labels[ADDRESS_LABEL]
        self.roles: list[str] = container.labels[ROLES_LABEL].split()

    @classmethod
    def create(cls, client: docker.DockerClient, lab: str, plan: Plan) -> Host:
        """Make a host that does not run yet."""
        name = network.network_name(lab)
        endpoint = client.api.create_endpoint_config(ipv4_address=plan.address)
        made = client.api.create_container(
            plan.image,
            name=f"{lab}-{plan.id}",
            hostname=plan.hostname or plan.id,
            labels={
                LABEL: lab,
                ID_LABEL: plan.id,
                KIND_LABEL: plan.kind,
                ADDRESS_LABEL: plan.address,
                ROLES_LABEL: " ".join(plan.roles),
            },
            environment={"LAB_NAMESERVERS": " ".join(network.nameservers_here())},
            mac_address=network.mac_of(plan.address),
            networking_config=client.api.create_networking_config({name: endpoint}),
            ports=list(plan.ports),
            host_config=host_config(client, name, plan.mounts, bool(plan.disks), plan.ports),
        )
        host = cls(client.containers.get(made["Id"]))
        if plan.disks:
            # lab-disks reads it at every boot.
            host._put(DISKS, "".join(f"{name} {DISK_MEGABYTES}\n" for name in plan.disks), 0o644)
            host._put(JOURNAL, READS_KERNEL_LOG, 0o644)
        if host.has_machines:
            # lab-hypervisor waits for it at every boot.
            host._put(wire.LIST, f"{wire.INTERFACE}\n", 0o644)
        return host

    @property
    def has_machines(self) -> bool:
        """Whether virtual machines run there, whose network is an interface of its own."""
        return "compute" in self.roles

    @property
    def state(self) -> str:
        """Docker's word for what the container does: `running`, `exited`, ..."""
        self.container.reload()
        return self.container.status

    def port_here(self, port: int) -> int | None:
        """Return the port of this machine that leads to one of the host's; None without any."""
        self.container.reload()
        found = self.container.ports.get(f"{port}/tcp")
        return int(found[0]["HostPort"]) if found else None

    def run(self, argv: Sequence[str], timeout: int = 600) -> Result:
        """Run a command as root on the host; after `timeout` seconds it is killed (124)."""
        argv = ["timeout", "--kill-after=5", str(timeout), *argv]
        done = subprocess.run(self.exec(argv), capture_output=True, check=False)
        out, err = (text.decode(errors="replace") for text in (done.stdout, done.stderr))
        if done.returncode and err.startswith(REFUSAL):
            raise LabError(
                f"{self.id} cannot run a command ({err.strip()}); "
                f"does it run? `make lab-boot NODE={self.id}`"
            )
        return Result(done.returncode, out, err)

    def exec(self, argv: Sequence[str], *options: str) -> list[str]:
        """Return the command line that runs a command on the host.

        By Docker's own client: the SDK loses what a command prints at once
        (https://github.com/docker/docker-py/issues/3332).
        """
        return ["docker", "exec", *options, self.container.id, *argv]

    def check(self, argv: Sequence[str], timeout: int = 600) -> str:
        """Run a command and return what it prints; raise when it fails."""
        done = self.run(argv, timeout)
        if done.rc:
            raise LabError(
                f"{self.id}: `{' '.join(argv)}` ended with {done.rc}:\n{done.out}{done.err}"
            )
        return done.out

    def write(self, path: str, content: str, mode: int = 0o644) -> None:
        """Write a file of root's, and the directories above it."""
        self.check(["mkdir", "-p", str(PurePosixPath(path).parent)])
        self._put(path, content, mode)

    def _put(self, path: str, content: str, mode: int) -> None:
        """Write a file, with its directory where that is missing, whether the host runs or not."""
        target = PurePosixPath(path)
        folder = target.parent.parent
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w") as archive:
            entry = tarfile.TarInfo(str(target.relative_to(folder)))
            entry.size, entry.mode = len(content.encode()), mode
            archive.addfile(entry, io.BytesIO(content.encode()))
        self.container.put_archive(str(folder), packed.getvalue())

    def cpu_seconds(self) -> float:
        """Return how much of a core it has used since it was switched on."""
        usage = self.container.stats(stream=False)["cpu_stats"]["cpu_usage"]
        return usage["total_usage"] / 1e9

    def read(self, path: str) -> str:
        """Return a file's content, or nothing where there is no file."""
        done = self.run(["cat", path])
        return "" if done.rc else done.out

    def kill(self) -> None:
        """Take its power away.

        The kernel, which lives on here, would end its connections by telling their peers; a host
        without power tells nobody.
        """
        if self.state == "running":
            self.check(["nft", partition.SILENCE])
            self.container.kill("SIGKILL")
            self.container.wait()

    def stop(self, timeout: int = 120) -> None:
        """Shut it down cleanly, as `poweroff` does."""
        self.container.stop(timeout=timeout)

    def boot(self) -> None:
        """Switch it on; `wait_booted` waits until it is up."""
        self.container.start()
        if self.has_machines and self.run(wire.IS_PLUGGED).rc:
            self.container.reload()
            wire.plug(self.lab, self.address, self.container.attrs["State"]["Pid"])

    def wait_booted(self, timeout: int = PATIENCE) -> None:
        """Wait until it is up and starts its services.

        Not until they have started: a server may wait for other hosts that are still off.
        """
        ready = ["systemctl", "is-active", "--quiet", "basic.target"]
        wait_for(lambda: self.run(ready).rc == 0, timeout, f"{self.id} to boot")

    def partition(self, peers: Iterable[str] | None = None) -> None:
        """Cut every packet to and from the hosts named, by default all others of the lab.

        `heal` undoes it, and so does a boot for the host that boots.
        """
        others = self._others()
        cut = others if peers is None else {peer: others[peer] for peer in peers}
        self.check(["nft", partition.cut([network.mac_of(peer.address) for peer in cut.values()])])
        for peer in cut.values():
            if peer.state == "running":
                peer.check(["nft", partition.cut([network.mac_of(self.address)])])

    def heal(self) -> None:
        """Undo every partition of this host."""
        for peer in self._others().values():
            if peer.state == "running":
                peer.check(["nft", partition.mend(network.mac_of(self.address))])
        if self.state == "running":
            self.check(["nft", partition.MEND_ALL])

    def _others(self) -> dict[str, Host]:
        hosts = find(self.container.client, self.lab)
        return {host.id: host for host in hosts if host.id != self.id}

    def shell(self) -> None:
        """Become a shell on the host."""
        os.execvp("docker", self.exec(["bash", "-l"], "-it"))


def find(client: docker.DockerClient, lab: str) -> list[Host]:
    """Return every host of a lab, sorted by id."""
    containers = client.containers.list(all=True, filters={"label": f"{LABEL}={lab}"})
    return sorted(map(Host, containers), key=lambda host: host.id)
