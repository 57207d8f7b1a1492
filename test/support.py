"""What the tiers share: the formula as a file root, and clusters made of the example."""

import base64
import copy
import functools
import importlib.util
import ipaddress
import os
import pathlib
import textwrap
import time

import psutil
import pytest
import salt.config
import yaml
from cryptography.hazmat.primitives.asymmetric import ed25519

ROOT = pathlib.Path(__file__).parents[1]
FORMULA = ("openstack_ha", "_modules", "_states", "_utils", "_runners", "_output", "_pillar")
DISPOSABLE_HOST = "OPENSTACK_HA_DISPOSABLE_HOST"


def example():
    """
    Return the cluster of pillar.example, with other secrets and certificates in place of those that
    the check refuses since everybody knows them: they begin with made-up, not with change-me.
    """
    cluster = yaml.safe_load(_with_own_secrets())["openstack_ha"]
    cluster["secrets"]["nova"]["migration_key"] = _own_migration_key(
        cluster["secrets"]["nova"]["migration_key"]
    )
    return cluster


@functools.cache
def _with_own_secrets():
    text = (ROOT / "pillar.example").read_text(encoding="utf-8")
    return text.replace(" change-me-", " made-up-").replace(" change/me\n", " made/up\n")


@functools.cache
def _own_migration_key(key):
    """The same key, with another secret half and its public one; it is the same at each call."""
    first, *lines, last, end = key.split("\n")
    raw, seed = base64.b64decode("".join(lines)), b"made-up-nova-migration-key".ljust(32, b".")
    public = ed25519.Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
    at = raw.index(b"change-me")
    raw = raw.replace(raw[at : at + 32], seed).replace(raw[at + 32 : at + 64], public)
    return "\n".join([first, *textwrap.wrap(base64.b64encode(raw).decode(), 64), last, end])


def certified(cluster):
    """Return the cluster with an authority and a certificate that a real HAProxy takes."""
    # Not by its package, whose other modules need what a host of the lab does not have.
    spec = importlib.util.spec_from_file_location("authority", ROOT / "lab/authority.py")
    authority = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(authority)
    made = authority.issue(cluster["vip"].get("fqdn", "none"), cluster["vip"]["address"])
    cluster["secrets"]["tls"] = {"key": made.pop("key")}
    cluster["tls"] = made
    return cluster


def write_cluster(path, cluster):
    """Write a cluster file, in the order of its nodes and with no template language in it."""
    text = yaml.safe_dump({"openstack_ha": cluster}, sort_keys=False)
    path.write_text(f"#!yaml\n{text}", encoding="utf-8")
    return path


def formula_root(folder):
    """Make a folder that holds the formula and nothing else of the repository."""
    folder.mkdir()
    for name in FORMULA:
        (folder / name).symlink_to(ROOT / name)
    return folder


def pillar_root(folder, cluster):
    """Make a pillar root with the cluster as a plain pillar of every minion."""
    folder.mkdir()
    (folder / "top.sls").write_text("base: {'*': [openstack_ha]}", encoding="utf-8")
    write_cluster(folder / "openstack_ha.sls", cluster)
    return folder


def minion_options(root, minion_id, formula, pillar):
    """Return a masterless minion's options; everything that it writes is below ``root``."""
    options = copy.deepcopy(salt.config.DEFAULT_MINION_OPTS)
    options.update(
        id=minion_id,
        root_dir=str(root),
        cachedir=str(root / "cache"),
        # Beside the cache: Loaders empties that one before it loads.
        extension_modules=str(root / "extmods"),
        conf_file=str(root / "minion"),
        file_client="local",
        file_roots={"base": [str(formula)]},
        pillar_roots={"base": [str(pillar)]},
    )
    return options


def not_applied(result):
    """
    Return the states of a state run that did not succeed.

    The run's own ``failed`` stays False while a state of it has failed.
    """
    return [single for single in result if single.result is not True]


def require_disposable_host():
    """End the run where it would change a machine that somebody uses."""
    if DISPOSABLE_HOST not in os.environ:
        pytest.exit("this tier changes its host; `make test` runs it in a host of the lab", 4)


def host_address():
    """Return the first address of this host that is not a loopback's, with its network."""
    for name, entries in sorted(psutil.net_if_addrs().items()):
        for entry in entries:
            if entry.family.name == "AF_INET" and name != "lo":
                return ipaddress.ip_interface(f"{entry.address}/{entry.netmask}")
    return pytest.fail("this host has no network")


def cluster_on(address, node):
    """
    Return the example's cluster with one small controller, this host, without machines and without
    a dashboard.
    """
    cluster = example()
    del cluster["network"]["provider"], cluster["horizon"]
    cluster["network"]["management"] = str(address.network)
    cluster["vip"]["address"] = str(address.network[-2])
    cluster["nodes"] = {node: {"address": str(address.ip), "roles": ["controller"]}}
    cluster["galera"].update(buffer_pool="128M", gcache_size="16M")
    return certified(cluster)


def leaves(tree):
    """Return every value of a nested mapping."""
    for value in tree.values():
        if isinstance(value, dict):
            yield from leaves(value)
        else:
            yield value


def sql(node, statement):
    """Return what a lab's database server answers to a statement, as lines of plain columns."""
    return node.check(["mariadb", "--batch", "--skip-column-names", "-e", statement]).strip()


def cluster_size(node):
    """Return how many servers a lab's database server sees in its component, itself included."""
    return int(sql(node, "SHOW STATUS LIKE 'wsrep_cluster_size'").split()[1])


def await_until(condition, seconds, what, seen=None):
    """
    Wait for what must come within so many seconds, far more than it takes, and return it.

    Who waits in vain is told what was waited for and what was there at last: what the condition
    returned, or what ``seen`` returns.
    """
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        if time.monotonic() > deadline:
            last = seen() if seen else found
            pytest.fail(f"{what} did not come within {seconds} s; at last there was {last!r}")
        time.sleep(0.1)
    return found


def with_machines(computes, cluster=None):
    """
    Return a cluster, by default that of pillar.example, with compute nodes, ``{id: address}`` as
    nodes have them, whose machines have their network from nova-network.
    """
    cluster = cluster or example()
    # In place of the example's own, whose names may be the same.
    others = {one: node for one, node in cluster["nodes"].items() if "compute" not in node["roles"]}
    cluster["nodes"] = others
    for name, address in computes.items():
        cluster["nodes"][name] = {"address": address, "roles": ["compute"]}
    cluster["network"]["provider"] = "nova_network"
    cluster["nova_network"] = {
        "networks": {"private": {"range": "10.20.0.0/24"}},
        "floating_pools": {"public": {"ranges": ["192.0.2.64/28"]}},
    }
    for system in ("keystone", "rabbitmq"):
        users = cluster["secrets"][system].setdefault("users", {})
        users.setdefault("nova", f"made-up-{system}-nova")
    return cluster
