"""The lab's salt-master, and the minions' side of it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

import yaml

from .cluster import ROOT
from .errors import LabError
from .host import Host, Result
from .waiting import PATIENCE, wait_for, wait_while

FORMULA = "/srv/formula"
STATES = "/srv/salt"
CLUSTER_FILE = "/srv/openstack_ha/cluster.yaml"
FORMULA_DIRS = (
    "openstack_ha",
    "_modules",
    "_states",
    "_utils",
    "_runners",
    "_output",
    "_pillar",
)
LONGEST_JOB = 3600
# What master and minions write to /var/log/salt.
LOG_LEVEL = os.environ.get("LAB_LOG_LEVEL", "warning")

MASTER_CONFIG = {
    "interface": "0.0.0.0",
    "auto_accept": False,
    "file_roots": {"base": [FORMULA, STATES]},
    # Eight busy hosts on two cores: give minions time to say that they still work.
    "gather_job_timeout": 30,
    "worker_threads": 5,
    # Progress of a highstate on the event bus.
    "state_events": True,
    "log_level_logfile": LOG_LEVEL,
}
TOP_FILE = {"base": {"*": ["openstack_ha"]}}


def minion_config(minion_id: str, master: str) -> dict:
    """Return a minion's configuration."""
    return {
        "id": minion_id,
        "master": master,
        "acceptance_wait_time": 2,
        # A state run waits for another one, as that of a rejoin, rather than be refused.
        "state_queue": True,
        # As openstack_ha.minion has it from the minion's next start on.
        "tcp_keepalive_idle": 10,
        "tcp_keepalive_intvl": 5,
        "tcp_keepalive_cnt": 3,
        "log_level_logfile": LOG_LEVEL,
    }


def same_key(one: str, other: str) -> bool:
    """Whether two public keys in PEM are the same one.

    The keys and not their fingerprints: Salt 3008's salt-key hashes the whole text, a minion's
    key.finger leaves the first and last line out, so the two never agree.
    """
    return one.split() == other.split()


def argument(value) -> str:
    """Return a value as an argument of Salt's command line, which reads YAML."""
    return value if isinstance(value, str) else json.dumps(value)


def arguments(args: Iterable, kwargs: Mapping) -> list[str]:
    """Return positional and keyword arguments of a Salt function as a command's."""
    named = [f"{key}={argument(value)}" for key, value in kwargs.items()]
    return [*map(argument, args), *named]


def formula_mounts() -> dict[str, str]:
    """Return which of our directories the master sees, and where."""
    return {
        str(ROOT / name): f"{FORMULA}/{name}" for name in FORMULA_DIRS if (ROOT / name).is_dir()
    }


def parsed(done: Result, command: str):
    """Return the JSON that a Salt command printed."""
    try:
        return json.loads(done.out)
    except json.JSONDecodeError as exc:
        raise LabError(
            f"`{command}` ended with {done.rc} and no answer:\n{done.out[-2000:]}{done.err[-2000:]}"
        ) from exc


class Master:
    """Drives the salt-master of the lab."""

    def __init__(self, host: Host):
        self.host = host

    def salt(self, target: str, fun: str, *args, patience: int = 60, **kwargs) -> dict:
        """Run a function on minions and return their answers by id; `a,b` targets a list.

        After `patience` seconds the master asks the minions that have not answered whether they
        still work, and gives up on those that do not say so.
        """
        listed = ["-L"] if "," in target else []
        argv = ["salt", "--out=json", "--static", f"--timeout={patience}", *listed, target, fun]
        done = self.host.run([*argv, *arguments(args, kwargs)], timeout=LONGEST_JOB)
        # Without a single answer Salt prints no JSON but a line of text.
        return parsed(done, f"salt {target} {fun}") if done.out.lstrip().startswith("{") else {}

    def answering(self, target: str) -> list[str]:
        """Return the minions that answer a ping, sorted."""
        answers = self.salt(target, "test.ping", patience=10)
        return sorted(minion for minion, answer in answers.items() if answer is True)

    def run(self, fun: str, *args, **kwargs):
        """Run a runner and return its answer."""
        argv = ["salt-run", "--out=json", fun, *arguments(args, kwargs)]
        return parsed(self.host.run(argv, timeout=LONGEST_JOB), f"salt-run {fun}")

    def stop(self) -> None:
        """End its service; nobody decides anything then."""
        self.host.check(["systemctl", "stop", "salt-master"])

    def start(self) -> None:
        """Start its service, and wait until it takes orders, which comes later."""
        if self.host.run(["systemctl", "is-active", "--quiet", "salt-master"]).rc == 0:
            return
        self.host.check(["systemctl", "start", "salt-master"])
        wait_for(self._takes_orders, PATIENCE, "the salt-master to take orders")

    def _takes_orders(self) -> bool:
        """An order that goes to nobody is answered with nothing, or refused in words."""
        argv = ["salt", "--out=json", "--static", "--timeout=5", "nobody", "test.ping"]
        return self.host.run(argv).out.split()[-1:] == ["{}"]

    def configure(self, cluster_file: Path) -> None:
        """Bring the master to its end state: our cluster, the formula, its own states."""
        self.host.write("/etc/salt/master.d/lab.conf", yaml.safe_dump(MASTER_CONFIG))
        self.host.write(f"{STATES}/top.sls", yaml.safe_dump(TOP_FILE))
        self.host.write(CLUSTER_FILE, cluster_file.read_text(), mode=0o600)
        self.host.check(["systemctl", "enable", "--now", "salt-master"])
        local = ["salt-call", "--local", f"--file-root={FORMULA}", "--retcode-passthrough"]
        self.host.check([*local, "state.apply", "openstack_ha.master"])

    def forget(self, minion_id: str) -> None:
        """Delete a minion's key."""
        self.host.check(["salt-key", "--yes", "--delete", minion_id])

    def point(self, nodes: Iterable[Host]) -> None:
        """Start the nodes' minions, with this host as their master."""
        for node in nodes:
            config = minion_config(node.id, self.host.address)
            node.write("/etc/salt/minion.d/lab.conf", yaml.safe_dump(config))
            node.check(["systemctl", "enable", "--now", "salt-minion"])

    def enlist(self, nodes: Iterable[Host]) -> None:
        """Start the nodes' minions and accept exactly their keys."""
        nodes = list(nodes)
        self.point(nodes)
        for node in nodes:
            self._accept(node)
        wanted = {node.id for node in nodes}
        names = ",".join(sorted(wanted))
        wait_while(lambda: wanted - set(self.answering(names)), PATIENCE, "every minion to answer")

    def _accept(self, node: Host) -> None:
        """Accept a minion's key when it is the one that the node itself has."""
        path = "/etc/salt/pki/minion/minion.pub"
        own = wait_for(lambda: node.read(path), PATIENCE, f"the minion's key on {node.id}")
        sent = wait_for(lambda: self._key(node.id), PATIENCE, f"the key of {node.id}")
        if not same_key(own, sent):
            raise LabError(
                f"The key that came to the master for {node.id} is not the node's own. If the "
                f"node is new: `make lab-shell NODE=master`, `salt-key -d {node.id}`, `make lab`"
            )
        self.host.check(["salt-key", "--yes", "--accept", node.id])

    def _key(self, minion_id: str) -> str:
        """Return a minion's public key, waiting or accepted; nothing if there is none."""
        argv = ["salt-key", "--out=json", "--print", minion_id]
        keys = parsed(self.host.run(argv), "salt-key --print")
        waiting, accepted = keys.get("minions_pre", {}), keys.get("minions", {})
        return waiting.get(minion_id) or accepted.get(minion_id, "")
