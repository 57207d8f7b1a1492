"""What the outer world can do to a lab's nodes; every step is in the history."""

import concurrent.futures
import time

from bench import failover
from lab import LabError
from lab.waiting import PATIENCE, wait_for

DATADIR = "/var/lib/mysql"
WIPE = f"rm -rf {DATADIR}/* {DATADIR}/.[!.]*"
# Megabytes; far more than what a server keeps of free space in its files.
GROWTH = 32
WIPE_BROKER = "rm -rf /var/lib/rabbitmq/mnesia/*"
# Systemd starts again what was killed; the stop ends that.
CRASH = "systemctl kill --signal=KILL {0}; systemctl stop {0}"


class Scene:
    """A lab's controllers, random choices, and hands to touch them from outside."""

    def __init__(self, lab, load, chance, history):
        self.lab = lab
        self.load = load
        self.chance = chance
        self.history = history
        self.nodes = lab.with_role("controller")

    def some(self, count):
        """Return some nodes in a random order."""
        return self.chance.sample(self.nodes, count)

    def all(self):
        """Return all nodes in a random order."""
        return self.some(len(self.nodes))

    def pause(self, least, most):
        """Let a random time pass."""
        time.sleep(self.chance.uniform(least, most))

    def shell(self, node, script, what):
        """Run a script of the outer world on a node."""
        self.history.step(f"{node}: {what}")
        return self.lab.node(node).run(["sh", "-c", script])

    def kill(self, *nodes):
        """Take the power of nodes away, at once."""
        self.history.step(f"power cut: {' '.join(nodes)}")
        self._at_once(self._kill, nodes)

    def _kill(self, node):
        self.lab.node(node).kill()
        self.history.power_off(node)

    def shut_down(self, *nodes):
        """Shut nodes down cleanly, at once."""
        self.history.step(f"clean shutdown: {' '.join(nodes)}")
        self._at_once(lambda node: self.lab.node(node).stop(), nodes)

    def boot(self, *nodes):
        """Switch nodes on in a random order, up to three seconds apart."""
        for node in self.chance.sample(nodes, len(nodes)):
            self.lab.node(node).boot()
            self.history.step(f"boot: {node}")
            if len(nodes) > 1:
                self.pause(0, 3)

    def database_down(self, node):
        """Bring a database server down cleanly or by a crash."""
        self._down(node, "mariadb")

    def broker_down(self, node):
        """Bring a broker down cleanly or by a crash."""
        self._down(node, "rabbitmq-server")

    def _down(self, node, unit):
        if self.chance.random() < 0.5:
            self.shell(node, f"systemctl stop {unit}", f"{unit} is stopped")
        else:
            self.shell(node, CRASH.format(unit), f"{unit} is killed")

    def cut(self, node, peers):
        """Pull the cable between a node and others."""
        self.lab.node(node).partition(peers)
        self.history.step(f"cut: {node} from {' '.join(peers or ['everything'])}")

    def heal(self, *nodes):
        """Plug all cables of nodes in again."""
        for node in nodes:
            self.lab.node(node).heal()
        self.history.step(f"healed: {' '.join(nodes)}")

    def transfer(self, joiner, seconds=120):
        """Wait until a state transfer to a wiped node moves data; return the donor."""
        moving = f'until [ -n "$(ls {DATADIR}/.sst 2>/dev/null)" ]; do sleep 0.1; done'
        done = self.lab.node(joiner).run(["sh", "-c", moving], timeout=seconds)
        assert done.rc == 0, f"no transfer to {joiner} began within {seconds} s"
        donor = wait_for(lambda: self._donor(joiner), 60, "a donor", 0.2)
        self.pause(0, 2)
        is_over = self.lab.node(joiner).run(["test", "-e", f"{DATADIR}/.sst"]).rc
        self.history.line(f"{donor} {'has sent' if is_over else 'sends'} its data to {joiner}")
        return donor

    def _donor(self, joiner):
        sql = "SHOW GLOBAL STATUS LIKE 'wsrep_local_state'"
        for node in self.nodes:
            if node != joiner:
                said = self.lab.node(node).run(["mariadb", "--batch", "-e", sql], timeout=5)
                if said.out.split()[-1:] == ["2"]:
                    return node
        return None

    def grow(self):
        """Write so much that every server needs more disk, or fails to get it."""
        try:
            self.load.run("writers.py", "ballast", GROWTH, timeout=120)
            self.history.line(f"{GROWTH} MB written")
        except LabError as exc:
            self.history.line(f"not all of {GROWTH} MB written: {str(exc).splitlines()[-1]}")

    def vip_holder(self):
        """Return a node that has the VIP; in a split there may be several."""
        return wait_for(lambda: failover.vip_holders(self.lab), PATIENCE, "a holder of the VIP")[0]

    @staticmethod
    def _at_once(function, nodes):
        with concurrent.futures.ThreadPoolExecutor() as pool:
            list(pool.map(function, nodes))
