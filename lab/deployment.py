"""A lab as a whole: create, load, change, destroy."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import docker
import yaml
from rich.console import Console

from . import cluster as cluster_file
from . import engine, events, highstate, host, inventory, network, partition, salt, wire
from .errors import LabError
from .host import Host, Plan
from .images import Images

DEFAULT_NAME = "openstack-ha"
NAME = os.environ.get("LAB_NAME", DEFAULT_NAME)
STATE = Path(__file__).parent / ".state"
CLIENTS_CA = "/usr/local/share/ca-certificates/openstack_ha.crt"
CA_BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
CLOUDS = "/etc/openstack/clouds.yaml"
# The client's, which leads to the VIP's.
DASHBOARD_PORT = 8443
FORWARD = "lab-dashboard"
SOURCE = Path(os.environ.get("LAB_CLUSTER", cluster_file.ROOT / "pillar.example"))

Say = Callable[[str], None]


def state_directory(lab: str) -> Path:
    """Return where a lab keeps its files; the default one has the plain place."""
    return STATE if lab == DEFAULT_NAME else STATE / lab


class Lab:
    """The hosts of one lab, found by their labels."""

    def __init__(self, client: docker.DockerClient, name: str):
        self.docker = client
        self.name = name
        self.state = state_directory(name)

    @classmethod
    def load(cls, name: str = NAME) -> Lab:
        """Return a lab that was created before; raise when there is none."""
        lab = cls(engine.connect(), name)
        if not lab.hosts():
            raise LabError(f"Lab {name!r} does not exist; `make lab` creates it")
        return lab

    @classmethod
    def remove(cls, name: str) -> None:
        """Remove whatever there is of a lab of this name, if anything."""
        cls(engine.connect(), name).destroy()

    @classmethod
    def create(
        cls,
        profile: str = "core",
        name: str = NAME,
        cold: bool = False,
        source: Path = SOURCE,
        say: Say = print,
    ) -> Lab:
        """Bring a lab up to bare hosts with a master that knows them; no highstate yet.

        What is there already stays as it is, and starts if it does not run. `cold` makes the
        nodes of hosts without the formula's packages.
        """
        lab = cls(engine.connect(), name)
        wanted = cluster_file.load(source)
        bridge = network.claim(lab.docker, name, wanted["network"]["management"])
        (cidr,) = network.subnets(bridge)
        cluster = cluster_file.prepare(wanted, lab.cluster_file, profile, cidr)
        complete = cluster_file.complete(cluster)
        images = Images(lab.docker, say)
        plans = [
            *_servants(images, complete, cidr),
            *_nodes(images, complete, cold),
        ]
        lab._ensure(plans)
        lab._boot(lab.hosts(), say)
        inventory.write(
            lab.inventory_file,
            inventory.describe(name, profile, complete, lab.hosts(), lab.ca_file),
        )
        lab.introduce(lab.client)
        lab.forward(complete)
        say("salt-master: cluster file, modules, configuration")
        lab.master.configure(lab.cluster_file)
        say("salt-minions: keys")
        lab.master.enlist(lab.nodes.values())
        return lab

    @property
    def cluster_file(self) -> Path:
        """The lab's own cluster file, with its secrets."""
        return self.state / "cluster.yaml"

    @property
    def inventory_file(self) -> Path:
        """What tests and outside tools start from."""
        return self.state / "inventory.json"

    @property
    def ca_file(self) -> Path:
        """The certificate of the authority that signed the VIP's."""
        return self.state / "ca.pem"

    @property
    def inventory(self) -> dict:
        """The written inventory."""
        return inventory.read(self.inventory_file)

    def hosts(self) -> list[Host]:
        """Return every host of the lab, sorted by id."""
        return host.find(self.docker, self.name)

    @property
    def nodes(self) -> dict[str, Host]:
        """The nodes of the cluster by their ids."""
        return {found.id: found for found in self.hosts() if found.kind == inventory.NODE}

    def with_role(self, role: str) -> list[str]:
        """Return the ids of the nodes that have a role, sorted."""
        return [node_id for node_id, node in self.nodes.items() if role in node.roles]

    @property
    def master(self) -> salt.Master:
        """The salt-master."""
        return salt.Master(self._only(inventory.MASTER))

    @property
    def client(self) -> Host:
        """The host outside the cluster."""
        return self._only(inventory.CLIENT)

    def node(self, host_id: str) -> Host:
        """Return any host of the lab by its id."""
        known = {found.id: found for found in self.hosts()}
        if host_id not in known:
            raise LabError(f"Lab {self.name!r} has no host {host_id!r}; it has {', '.join(known)}")
        return known[host_id]

    def introduce(self, outsider: Host) -> None:
        """Let a host outside know the VIP by name, believe its certificate, and log in."""
        cluster = cluster_file.complete(cluster_file.load(self.cluster_file))
        vip = f"{cluster['vip']['address']} {cluster['vip']['fqdn']}"
        if vip not in outsider.read("/etc/hosts").splitlines():
            # Not a new file: Docker mounts its own there.
            outsider.check(["sh", "-c", f"echo '{vip}' >> /etc/hosts"])
        if "ca" in cluster["tls"]:
            cluster_file.write_private(self.ca_file, cluster["tls"]["ca"])
            outsider.write(CLIENTS_CA, cluster["tls"]["ca"])
            outsider.check(["update-ca-certificates"])
        known = yaml.safe_dump(inventory.clouds(cluster, CA_BUNDLE))
        outsider.write(CLOUDS, known, mode=0o600)

    def forward(self, cluster: Mapping) -> None:
        """Have the client lead who comes to its port to the dashboard on the VIP."""
        if "horizon" not in cluster:
            return
        target = f"{cluster['vip']['address']}:{cluster['horizon']['https_port']}"
        units = {
            "socket": f"[Socket]\nListenStream={DASHBOARD_PORT}\n[Install]\n"
            "WantedBy=sockets.target\n",
            "service": f"[Service]\nExecStart=/lib/systemd/systemd-socket-proxyd {target}\n",
        }
        for kind, text in units.items():
            self.client.write(f"/etc/systemd/system/{FORWARD}.{kind}", text)
        self.client.check(["systemctl", "daemon-reload"])
        self.client.check(["systemctl", "enable", "--now", f"{FORWARD}.socket"])

    @property
    def dashboard_here(self) -> str | None:
        """Where the dashboard is on this machine; None where the lab has none."""
        port = self.client.port_here(DASHBOARD_PORT)
        return None if port is None else f"https://{cluster_file.HERE}:{port}/"

    def highstate(
        self, test: bool = False, target: str = "*", console: Console | None = None
    ) -> dict:
        """Run a highstate and return its returns by minion."""
        return highstate.run(self.master, target, test, console)

    def redeploy(self, cold: bool = False, say: Say = print) -> None:
        """Replace the nodes by new ones from the image, with empty disks and new keys."""
        self._replace(self.nodes, cold, say)
        for node_id in self.nodes:
            self.master.forget(node_id)
        self.master.enlist(self.nodes.values())

    def replace(self, node_id: str, cold: bool = False, say: Say = print) -> None:
        """Put a new host in a node's place: an empty disk, and a key that the master refuses."""
        self._replace([node_id], cold, say)
        self.master.point([self.node(node_id)])

    def _replace(self, node_ids: Iterable[str], cold: bool, say: Say) -> None:
        for node_id in node_ids:
            self.node(node_id).container.remove(force=True, v=True)
        cluster = cluster_file.complete(cluster_file.load(self.cluster_file))
        self._ensure(_nodes(Images(self.docker, say), cluster, cold))
        self._boot([self.node(node_id) for node_id in node_ids], say)

    def mend(self) -> None:
        """Give every host its power and all of its network, and the master its service."""
        for each in self.hosts():
            each.boot()
        for each in self.hosts():
            each.wait_booted()
            each.check(["nft", partition.MEND_ALL])
        self.master.start()

    def listen(self, glob: str, tell: events.Tell) -> events.Listener:
        """Return a context in which `tell` hears the master's events whose tag matches."""
        return events.Listener(self.master.host, glob, tell)

    def destroy(self) -> None:
        """Remove the lab's containers, networks and files, and nothing else."""
        for gone in self.hosts():
            gone.container.remove(force=True, v=True)
        for found in self.docker.networks.list(filters={"label": f"{engine.LABEL}={self.name}"}):
            found.remove()
        wire.remove(self.name)
        for path in (self.cluster_file, self.inventory_file, self.ca_file):
            path.unlink(missing_ok=True)
        if self.state != STATE and self.state.exists():
            self.state.rmdir()

    def _only(self, kind: str) -> Host:
        return next(found for found in self.hosts() if found.kind == kind)

    def _ensure(self, plans: Iterable[Plan]) -> None:
        """Make the hosts that are not there."""
        known = {found.id for found in self.hosts()}
        for plan in plans:
            if plan.id not in known:
                Host.create(self.docker, self.name, plan)

    def _boot(self, hosts: Iterable[Host], say: Say) -> None:
        hosts = list(hosts)
        say(f"booting {', '.join(each.id for each in hosts)}")
        for each in hosts:
            each.boot()
        for each in hosts:
            each.wait_booted()


def _servants(images: Images, cluster: Mapping, cidr: str) -> list[Plan]:
    """Return the hosts that are no part of the cluster: its salt-master, and a client.

    Where Nova comes from wheels, the master has built them already; where the cluster runs
    machines, the client has an image of one.
    """
    has_wheels = cluster["network"].get("provider") == "nova_network"
    has_machines = any("compute" in node["roles"] for node in cluster["nodes"].values())
    return [
        Plan(
            kind=inventory.MASTER,
            id=inventory.MASTER,
            address=network.address_of(cidr, network.MASTER_HOST),
            image=images.wheels() if has_wheels else images.host(),
            mounts=salt.formula_mounts(),
        ),
        Plan(
            kind=inventory.CLIENT,
            id=inventory.CLIENT,
            address=network.address_of(cidr, network.CLIENT_HOST),
            image=images.client_with_guest() if has_machines else images.client_host(),
            ports=[DASHBOARD_PORT] if "horizon" in cluster else [],
        ),
    ]


def _nodes(images: Images, cluster: Mapping, cold: bool) -> list[Plan]:
    """Return the nodes of the cluster; cold ones have none of the formula's packages yet."""
    image = images.host() if cold else images.baked()
    return [
        Plan(
            kind=inventory.NODE,
            id=node_id,
            address=node["address"],
            image=image,
            hostname=node["hostname"],
            roles=node["roles"],
            disks=cluster_file.disks(cluster, node_id),
        )
        for node_id, node in cluster["nodes"].items()
    ]
