"""Virtual machines as the lab's tests have them: made by the client, heard by their consoles."""

import json
import re
from pathlib import Path

from lab import LabError
from lab.waiting import PATIENCE, wait_for, wait_while

PYTHON = "/opt/client/bin/python"
CLIENT = "/opt/client/machines.py"
LINE = re.compile(r"LAB (.+?) = (.*)")
PING = re.compile(r"(\d+) answered, (\d+) lost")
# What has lines and not a value; see the image's init.
LISTED = "user-data"
ECHO, ECHO_PORT = "machines-echo", 8000
# Those that run on a node, each with the process that it is.
RUNNING = """for one in $(virsh list --uuid); do
  echo "$one $(cat "/run/libvirt/qemu/$(virsh domname "$one").pid")"
done"""


def said(console):
    """Return what a machine has said on its console last, by what it was about."""
    found = {LISTED: []}
    for line in console.splitlines():
        # The kernel may have its word on the same line.
        if spoken := LINE.search(line):
            what, value = spoken[1], spoken[2].strip()
            if what == LISTED:
                found[LISTED].append(value)
            else:
                found[what] = value
    return found


def pings(words, address):
    """Return how many pings to an address were answered, and how many lost, as a machine says."""
    count = PING.fullmatch(words.get(f"ping {address}", "0 answered, 0 lost"))
    return int(count[1]), int(count[2])


class Machine:
    """One virtual machine; `born` is what it said of its first boot."""

    def __init__(self, cloud, identifier, name, node):
        self.cloud = cloud
        self.id = identifier
        self.name = name
        self.node = node
        self.born = {}

    @property
    def address(self):
        """Its fixed address, as it has it from DHCP."""
        return self.born["address"]

    def show(self):
        """Return what Nova tells of it."""
        return self.cloud.ask("show", self.id)

    def said(self):
        """Return what it has said last, by what it was about."""
        return said(self.cloud.ask("console", self.id))

    def wait_active(self, host):
        """Wait until Nova has it run on a host, by its name."""

        def lacking():
            found = self.show()
            if found["status"] == "ERROR":
                raise LabError(f"{self.name} ended in an error: {found['fault']}")
            is_there = (found["status"], found["task"], found["host"]) == ("ACTIVE", None, host)
            return None if is_there else found

        wait_while(lacking, PATIENCE, f"{self.name} to run on {host}")

    def wait_said(self, is_so, what):
        """Wait until what it says is so, and return it; `what` names that."""
        heard = {}

        def lacking():
            heard.clear()
            try:
                heard.update(self.said())
            except LabError as exc:
                # Its node is on its way, and nobody answers for it.
                return exc
            return None if is_so(heard) else heard

        wait_while(lacking, PATIENCE, f"{self.name} to say that {what}")
        return heard

    def wait_again(self):
        """Wait until it has booted anew and lives; `born` is then what it said of that."""
        booted = self.born["booted"]
        self.born = self.wait_said(
            lambda words: words.get("booted", booted) != booted and "alive" in words,
            "it runs again",
        )

    def wait_lived(self, since, times=3):
        """Wait until it has asked and told all so many times since it said something."""
        goal = int(since["alive"]) + times
        return self.wait_said(lambda words: int(words.get("alive", 0)) >= goal, "it lives on")


class Cloud:
    """The client's verbs, and the machines that were made by them."""

    def __init__(self, lab):
        self.client = lab.client
        self.client.write(CLIENT, Path(__file__).with_name("client.py").read_text())
        self.made = self.ask("prepare")
        self.hostnames = {one: lab.node(one).check(["hostname"]).strip() for one in lab.nodes}
        self.machines = []

    def ask(self, verb, *words):
        """Run a verb of client.py, and return what came of it."""
        return json.loads(self.client.check([PYTHON, CLIENT, verb, *map(str, words)]))

    def boot(self, node, number, orders=()):
        """Return a machine that was asked for on a node, with what it is ordered to do."""
        name = f"{node}-{number}"
        words = (self.made["image"], self.made["flavor"], "\n".join(orders))
        identifier = self.ask("boot", name, self.hostnames[node], *words)
        self.machines.append(Machine(self, identifier, name, node))
        return self.machines[-1]

    def wait_born(self, machine):
        """Wait until a new machine runs and has told of itself."""
        machine.wait_active(self.hostnames[machine.node])
        machine.born = machine.wait_said(lambda words: "alive" in words, "it lives")

    def delete_all(self):
        """Delete the machines, and wait until they are gone."""
        mine = {machine.id for machine in self.machines}
        self.ask("delete", *mine)
        wait_while(lambda: mine & set(self.ask("names")), PATIENCE, "machines to be gone")

    def running(self, host):
        """Return the machines that run on a node, by id, each with its process."""
        lines = host.check(["sh", "-c", RUNNING]).splitlines()
        return dict(line.split() for line in lines)

    def fetch(self, url):
        """Return what the client gets from a URL, or None."""
        done = self.client.run(["curl", "--fail", "--silent", "--max-time", "5", url])
        return None if done.rc else done.out.strip()

    def is_answered(self, address):
        """Whether an address answers a ping of the client's."""
        return self.client.run(["ping", "-c", "1", "-W", "2", address]).rc == 0

    def start_echo(self):
        """Have the client tell everybody his address by HTTP; return its URL."""
        url = f"http://{self.client.address}:{ECHO_PORT}/"
        self.stop_echo()
        argv = [PYTHON, CLIENT, "echo", str(ECHO_PORT)]
        self.client.check(["systemd-run", f"--unit={ECHO}", *argv])
        wait_for(lambda: self.fetch(url), PATIENCE, f"an answer from {url}")
        return url

    def stop_echo(self):
        """Have no such server any more."""
        self.client.run(["systemctl", "stop", ECHO])
        self.client.run(["systemctl", "reset-failed", ECHO])
