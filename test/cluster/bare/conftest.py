"""Bare: a master of which nobody has configured anything, in a folder that is its whole host."""

import contextlib
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile

import pytest
import yaml
from pytestshellutils.utils import ports
from support import FORMULA, ROOT, formula_root

# Seconds after which a command is taken for one that hangs.
PATIENCE = 600
PLACES = re.compile(r"(?<![\w.}])/(etc|srv|var)/")
PROGRAMS = ("salt", "salt-call", "salt-key", "salt-run")
# What systemd does of it: the daemon writes its number, and takes orders when its port is open.
SYSTEMCTL = """\
#!/bin/sh -e
[ "$1" != --version ] || exec echo systemd 252
echo "$@" >> {root}/systemctl
[ "$2" = salt-master ] || exit 0
if [ "$1" != start ] && [ -e {pid} ]; then
    number="$(cat {pid})"
    kill "$number" || true
    while kill -0 "$number" 2>/dev/null; do sleep 0.1; done
    rm -f {pid}
fi
[ "$1" = stop ] || {bin}/salt-master -c {conf} -d
"""
SERVICE = """\
import subprocess


def _call(verb):
    def call(name, **more):
        return subprocess.run(["systemctl", verb, name], check=True).returncode == 0

    return call


def status(name, *more, **others):
    return True


available = enabled = status
missing = lambda name: False
start, restart, stop, enable = map(_call, ("start", "restart", "stop", "enable"))
"""


class Host:
    """A host in a folder: its commands are Salt's own, and know no other place."""

    def __init__(self, root):
        self.root = root
        self.conf = root / "etc/salt"
        self.bin = pathlib.Path(sys.executable).parent
        self.pid = root / "var/run/salt-master.pid"
        self.environment = {**os.environ, "PATH": f"{root}/bin:{self.bin}:{os.environ['PATH']}"}
        self.port = ports.get_unused_localhost_port()
        self.minions = []
        self.write("etc/salt/master", yaml.safe_dump(self._master()))
        self.write("etc/salt/minion", yaml.safe_dump(self._minion("master1", root)))
        self.write("modules/modules/own_service.py", SERVICE)
        self.write("srv/pillar/top.sls", "base: {master1: [master]}")
        own = {"openstack_ha_master": {"cluster_file": "/srv/openstack_ha/cluster.yaml"}}
        self.write("srv/pillar/master.sls", yaml.safe_dump(own))
        self.program(
            "systemctl", SYSTEMCTL.format(root=root, pid=self.pid, bin=self.bin, conf=self.conf)
        )
        for name in PROGRAMS:
            self.program(name, f'#!/bin/sh\nexec {self.bin}/{name} -c {self.conf} "$@"\n')

    def _master(self):
        return {
            "root_dir": str(self.root),
            "interface": "127.0.0.1",
            "publish_port": ports.get_unused_localhost_port(),
            "ret_port": self.port,
            "worker_threads": 2,
            # A busy host's minion answers late.
            "timeout": 120,
            **{
                f"openstack_ha_{one}": f"{self.root}/var/lib/openstack_ha_{one}"
                for one in ("copies", "keys")
            },
        }

    def _minion(self, name, root):
        return {
            "root_dir": str(root),
            "id": name,
            "pillar_roots": {"base": [str(self.root / "srv/pillar")]},
            "module_dirs": [str(self.root / "modules")],
            "providers": {"service": "own_service"},
        }

    def path(self, path):
        """Return where a path of the README is."""
        return pathlib.Path(PLACES.sub(rf"{self.root}/\1/", path))

    def write(self, path, text):
        """Write a file, by its path from this host's root."""
        place = self.root / path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(PLACES.sub(rf"{self.root}/\1/", text), encoding="utf-8")

    def program(self, name, text):
        """Give the host a program."""
        place = self.root / "bin" / name
        place.parent.mkdir(exist_ok=True)
        place.write_text(text, encoding="utf-8")
        place.chmod(0o755)

    def run(self, line):
        """Do a line as a person types it; return its exit code and what it prints."""
        done = subprocess.run(
            ["bash", "-c", PLACES.sub(rf"{self.root}/\1/", line)],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        return done.returncode, done.stdout, done.stderr

    def takes_orders(self):
        """Return whether the master's port is open."""
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port)):
            return True
        return False

    def start_minion(self, name):
        """Start a minion with a folder of its own; nobody's orders change this host by it."""
        config = self._minion(name, self.root / name)
        config |= {"master": "127.0.0.1", "disable_modules": ["openstack_ha_master"]}
        config |= {"master_port": self.port, "random_reauth_delay": 1}
        config["publish_port"] = yaml.safe_load((self.conf / "master").read_text())["publish_port"]
        self.write(f"{name}/etc/salt/minion", yaml.safe_dump(config))
        argv = [self.bin / "salt-minion", "-c", self.root / name / "etc/salt", "--log-level=quiet"]
        self.minions.append(subprocess.Popen(argv, env=self.environment, start_new_session=True))

    def end(self):
        """End what this host runs."""
        for minion in self.minions:
            os.killpg(minion.pid, signal.SIGKILL)
            minion.wait()
        self.run("systemctl stop salt-master")


@pytest.fixture
def host():
    # A short path: the sockets below it may have 107 characters.
    found = Host(pathlib.Path(tempfile.mkdtemp(prefix="bare-", dir="/tmp")))
    try:
        yield found
    finally:
        found.end()
        # What the master had begun writes on for a moment.
        shutil.rmtree(found.root, ignore_errors=True)


@pytest.fixture
def give_formula(host):
    """Return functions that put the formula where a master finds it, by the way it comes."""

    def by_file_roots():
        (host.root / "srv/formulas").mkdir(parents=True)
        formula_root(host.root / "srv/formulas/openstack_ha")

    def by_gitfs():
        remote = host.root / "remote"
        for name in FORMULA:
            kept = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / name, remote / name, ignore=kept)
        git = ["git", "-C", str(remote), "-c", "user.name=x", "-c", "user.email=x@example.org"]
        for more in (["init", "--initial-branch=master"], ["add", "."], ["commit", "-m", "x"]):
            subprocess.run([*git, *more], check=True, stdout=subprocess.DEVNULL)

    return {"file_roots": by_file_roots, "gitfs": by_gitfs}
