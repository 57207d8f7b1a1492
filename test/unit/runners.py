"""
The formula's runners as a master runs them, over nodes that are simulated.

Lease, record, seal, members, rules and each system's runner are the real ones; what is replaced is
the wire to the minions, which are answered for by ``nodes``, and the clock.
"""

import base64
import contextlib
import copy
import functools
import importlib
import json
import pathlib
import time
import types

import openstack_ha_cluster
import salt.config
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from overlay import utils_of
from salt.exceptions import CommandExecutionError
from support import ROOT, example, write_cluster

MASTER = "salt_master"
# Questions and orders of one test; a runner that sends more does not end.
MOST = 1000
# What Salt's client says for a minion that has not answered.
NO_RETURN = {"out": "no_return", "ret": "Minion did not return. [No response]", "retcode": 1}
# Execution modules that run on the master.
ON_MASTER = (
    "openstack_ha_applied",
    "openstack_ha_cluster",
    "openstack_ha_fernet",
    "openstack_ha_left",
    "openstack_ha_preflight",
)


class Silent(BaseException):
    """A node that does not answer, which no code of its own sees."""


class Nodes:
    """
    What nodes answer: a system's simulation has a method for each of its steps, and ``evidence``.

    ``silent`` do not answer and ``broken`` fail in every step; ``lacking`` are functions that no
    node has; ``heard`` has the words that came,
    ``arguments`` the last ones by step, and ``at_look`` what happens just before a look, by number.
    """

    def __init__(self, names):
        self.names = names
        self.silent, self.broken, self.lacking = set(), set(), set()
        self.heard, self.arguments = [], {}
        self.looks, self.at_look = 0, {}

    def answer(self, node, function, arguments):
        """Answer one question or order."""
        if node in self.silent:
            raise Silent
        step = function.rpartition(".")[2]
        if step == "hear":
            self.heard.append((node, arguments["verdict"]))
            return {}
        if step == "evidence":
            if node == self.names[0]:
                self.looks += 1
                self.at_look.pop(self.looks, lambda: None)()
            return self.evidence(node)
        self.arguments[step] = arguments
        if node in self.broken:
            raise CommandExecutionError(f"{node} has no room")
        return getattr(self, step)(node, **arguments)


class Clock:
    """The time of day and of the boot, which goes on while somebody sleeps."""

    def __init__(self, now=1_000_000.0):
        self.now = now
        self.slept = []

    def time(self):
        return self.now

    monotonic = time

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.now += seconds

    def gmtime(self):
        return time.gmtime(self.now)

    def strftime(self, shape, moment=None):
        return time.strftime(shape, moment or self.gmtime())

    def module(self):
        """Return what a module sees as ``time``."""
        own = {name: getattr(self, name) for name in ("time", "monotonic", "sleep", "gmtime")}
        return types.SimpleNamespace(**own, strftime=self.strftime)


@functools.cache
def _code(path):
    return compile(path.read_text(encoding="utf-8"), str(path), "exec")


def load(folder, name, formula=ROOT, **dunders):
    """Return a module of a formula, a copy of its own, with what Salt's loader would give it."""
    path = formula / folder / f"{name}.py"
    module = types.ModuleType(f"{folder}.{name}")
    module.__file__ = str(path)
    vars(module).update(dunders)
    exec(_code(path), vars(module))
    return module


def functions(name, module):
    """Return a module's public functions by Salt's names."""
    return {
        f"{name}.{key}": value
        for key, value in vars(module).items()
        if isinstance(value, types.FunctionType) and not key.startswith("_")
    }


@functools.cache
def utils(formula=ROOT):
    """Return every function of a formula's utils modules by Salt's name."""
    found = {}
    with utils_of(formula) if formula != ROOT else contextlib.nullcontext():
        for path in formula.glob("_utils/*.py"):
            found.update(functions(path.stem, importlib.import_module(path.stem)))
    return found


@functools.cache
def _key(node):
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def sign(node, text):
    """Return a node's signature of a text, as openstack_ha_seal makes it."""
    signed = _key(node).sign(text.encode(), padding.PKCS1v15(), hashes.SHA224())
    return base64.b64encode(signed).decode()


class Minion:
    """A node's own end of the wire: whom it obeys, and its seal."""

    def __init__(self, folder, node, clock, nodes, formula=ROOT):
        self.node, self.nodes = node, nodes
        accepted = folder / "pki" / "minions"
        accepted.mkdir(parents=True, exist_ok=True)
        public = _key(node).public_key()
        public = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        (accepted / node).write_bytes(public)
        self.module = load("_modules", "openstack_ha_master", __utils__=utils(formula))
        self.module.PATH = str(folder / node / "master.json")
        self.module.time = clock.module()
        self.module.__salt__ = _Served(self)

    def reply(self, fun, kwarg):
        """Return what the master's client gets of this node."""
        try:
            if fun == "openstack_ha_master.serve":
                return {"ret": self.module.serve(**kwarg), "retcode": 0}
            return {"ret": self.nodes.answer(self.node, fun, kwarg or {}), "retcode": 0}
        except CommandExecutionError as exc:
            return {"ret": f"ERROR: {exc}", "retcode": 1}

    def seal(self, question, answer):
        """Sign as openstack_ha_seal does, without the 40 ms that reading a key's file takes."""
        text = json.dumps({"node": self.node, "question": question, "answer": answer})
        return {"text": text, "seal": sign(self.node, text)}

    def write_key(self, path):
        """Write the node's private key, as its minion has it."""
        private = _key(self.node)
        path.write_bytes(
            private.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
        )


class _Served(dict):
    """A node's functions: whom it obeys is its own module's, the rest is simulated."""

    def __init__(self, minion):
        super().__init__(functions("openstack_ha_master", minion.module))
        self["openstack_ha_seal.seal"] = minion.seal
        self.minion = minion

    def __contains__(self, name):
        """Each function is there but those that the simulation says are not."""
        return name not in self.minion.nodes.lacking

    def __missing__(self, name):
        return lambda **arguments: self.minion.nodes.answer(self.minion.node, name, arguments)


class Client:
    """Salt's client, with simulated minions at its other end."""

    def __init__(self, master):
        self.master = master

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        return None

    def cmd(self, nodes, fun, kwarg=None, **more):
        """Return the replies by node; a silent one has none."""
        if kwarg and "function" in kwarg:
            self.master.sent.append((tuple(nodes), kwarg["function"], kwarg["arguments"]))
            assert len(self.master.sent) < MOST, f"it does not end: {self.master.sent[-3:]}"
        found = {}
        for node in nodes:
            try:
                found[node] = self.master.minions[node].reply(fun, kwarg)
            except Silent:
                found[node] = dict(NO_RETURN)
        return found

    def cmd_iter_no_block(self, nodes, fun, kwarg=None, **more):
        """Yield the replies, each by its node."""
        for node, full in self.cmd(nodes, fun, kwarg).items():
            if full != NO_RETURN:
                yield {node: full}


class Master:
    """
    A master with its own disk, and a cluster file.

    ``nodes`` is what has ``answer(node, function, arguments)``: it returns a mapping, or raises
    CommandExecutionError or Silent. ``formula`` is the formula's folder. ``sent`` has what went to
    the nodes, ``events`` what went to the event bus, ``clock.slept`` the pauses.
    """

    def __init__(self, folder, nodes, cluster=None, name=MASTER, formula=ROOT):
        self.nodes, self.clock, self.sent, self.events = nodes, Clock(), [], []
        self.cluster = cluster or example()
        path = write_cluster(folder / "cluster.yaml", self.cluster)
        options = {
            **_defaults(),
            "__role": "master",
            "id": name,
            "cachedir": str(folder / "cache"),
            "pki_dir": str(folder / "pki"),
            "conf_file": str(folder / "master"),
            "ext_pillar": [{"openstack_ha": str(path)}],
            "openstack_ha_keys": str(folder / "keys"),
            "openstack_ha_copies": str(folder / "copies"),
        }
        ids = list(openstack_ha_cluster.complete(self.cluster)["nodes"])
        self.minions = {one: Minion(folder, one, self.clock, nodes, formula) for one in ids}
        self.modules, self.functions = (
            {},
            {
                "event.send": lambda tag, data: self.events.append((tag, data)),
                "salt.execute": lambda *args, **kwargs: {},
            },
        )
        self.execution = {}
        for folder_name, found in (("_modules", self.execution), ("_runners", self.functions)):
            for one in sorted(formula.glob(f"{folder_name}/*.py")):
                if folder_name == "_modules" and one.stem not in ON_MASTER:
                    continue
                dunders = {"__opts__": options, "__utils__": utils(formula)}
                module = load(folder_name, one.stem, formula, **dunders)
                module.__salt__ = found
                if hasattr(module, "time"):
                    module.time = self.clock.module()
                found.update(functions(one.stem, module))
                self.modules[folder_name, one.stem] = module
        on_master = {"openstack_ha_execution.call": lambda fun, *args: self.execution[fun](*args)}
        self.functions.update(on_master)
        members = self.modules["_runners", "openstack_ha_members"]
        members.salt = types.SimpleNamespace(
            client=types.SimpleNamespace(get_local_client=lambda _file: Client(self))
        )
        # A file that is the same is read once: a machine's steps ask for it thousands of times.
        for function in ("load", "current"):
            name = f"openstack_ha_cluster.{function}"
            self.execution[name] = _unless_changed(self.execution[name], folder / "cache")

    def run(self, function, *args, **kwargs):
        """Do as ``salt-run`` does."""
        return self.functions[function](*args, **kwargs)

    def record(self, name):
        """Return what the master keeps under a name."""
        return self.run("openstack_ha_record.read", name)

    def orders(self, system):
        """Return what of a system's was sent but questions, as (nodes, step)."""
        prefix = f"openstack_ha_{system}."
        steps = [(nodes, fun.removeprefix(prefix)) for nodes, fun, _ in self.sent if prefix in fun]
        return [one for one in steps if one[1] != "evidence"]


def _unless_changed(function, cache):
    """Call a function of a file again only when another text is in the file, or one has left."""
    last = {}

    @functools.wraps(function)
    def call(path, **kwargs):
        files = [pathlib.Path(path), *cache.glob("openstack_ha/files/*.left.json")]
        text = [file.read_bytes() if file.exists() else None for file in files]
        if kwargs or path not in last or last[path][0] != text:
            last[path] = (text, function(path, **kwargs))
        return last[path][1]

    return call


@functools.cache
def _defaults():
    return copy.deepcopy(salt.config.DEFAULT_MASTER_OPTS)
