"""The Docker engine, and how a container becomes a host."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import docker
from docker.errors import DockerException

from .errors import LabError
from .waiting import PATIENCE, wait_for

LABEL = "openstack-ha.lab"
ENGINE_START = (("systemctl", "start", "docker"), ("service", "docker", "start"))
TUN = Path("/dev/net/tun")
KVM = Path("/dev/kvm")
# For disks of a host's own: loop devices, and the device that finds a free one.
DISK_RULES = ("b 7:* rwm", "c 10:237 rwm")
# The kernel's log, which tells of the disks of all hosts; journald opens it for writing, too.
KERNEL_LOG = "/dev/kmsg:/dev/kmsg:rw"


def connect() -> docker.DockerClient:
    """Return a client of a running engine; start an installed one that does not run."""
    client = _reachable()
    if client:
        return client
    if not shutil.which("dockerd"):
        raise LabError(
            "No Docker engine answers and none is installed: apt-get install -y docker.io"
        )
    for argv in ENGINE_START:
        if shutil.which(argv[0]):
            subprocess.run(argv, capture_output=True, check=False)
            if _reachable():
                return _reachable()
    _spawn_engine()
    wait_for(_reachable, PATIENCE, "the Docker engine; its log is /var/log/dockerd.log")
    return _reachable()


def _reachable() -> docker.DockerClient | None:
    try:
        client = docker.from_env(timeout=900)
        client.ping()
    except DockerException:
        return None
    return client


def _spawn_engine() -> None:
    """Start dockerd by hand, on a machine that no service manager runs."""
    try:
        with open("/var/log/dockerd.log", "ab") as log:
            subprocess.Popen(["dockerd"], stdout=log, stderr=log, start_new_session=True)
    except PermissionError as exc:
        raise LabError(
            "The Docker engine does not run and only root can start it: sudo make lab"
        ) from exc


def host_options(cgroup_version: str, has_kvm: bool, has_disks: bool = False) -> dict:
    """Return the arguments of `create_host_config` that let systemd and the network stack work.

    SYS_RESOURCE stays away because a machine may itself lack it, and then no container can have
    it. systemd needs its own cgroup writable: with version 1 that is its place in the host's
    tree, with version 2 it sees the same tree only in the host's cgroup namespace.
    """
    options = {
        "cap_add": ["ALL"],
        "cap_drop": ["SYS_RESOURCE"],
        "security_opt": ["seccomp=unconfined", "apparmor=unconfined"],
        "devices": [str(TUN), *[str(KVM)] * has_kvm, *[KERNEL_LOG] * has_disks],
        "device_cgroup_rules": list(DISK_RULES),
        "binds": ["/sys/fs/cgroup:/sys/fs/cgroup:rw"],
        "tmpfs": {"/run": "", "/run/lock": "", "/tmp": "exec"},
    }
    if cgroup_version == "2":
        options["cgroupns"] = "host"
    return options


def host_config(
    client: docker.DockerClient,
    network: str,
    mounts: Mapping[str, str],
    has_disks: bool = False,
    ports: Sequence[int] = (),
) -> dict:
    """Return a host's configuration for the engine at hand; `mounts` are read-only."""
    options = host_options(client.info().get("CgroupVersion", "1"), KVM.exists(), has_disks)
    options["binds"] += [f"{source}:{target}:ro" for source, target in mounts.items()]
    # Any free one, and for this machine's own people alone.
    options["port_bindings"] = dict.fromkeys(ports, ("127.0.0.1",))
    config = client.api.create_host_config(network_mode=network, **options)
    # What the docker command calls systempaths=unconfined: sysctl needs all of /proc/sys.
    return {**config, "MaskedPaths": [], "ReadonlyPaths": []}
