"""
A master and its minions as daemons: the event bus, the reactor and the runners for real.

The master knows four clusters: ``demo`` with three controllers, of which ctl3 does not start,
``solo``, whose one controller this host really becomes, ``rings`` with nodes of Swift, each of
which has folders of its own, and ``crowd``, of whose many nodes none is there. Minions of one host
share its servers, so the tests of each cluster have a folder, and each folder runs on a host of its
own.
"""

import json
import random
import shutil
import time

import jinja2
import pytest
import salt.utils.event
import yaml
from forked import Master, Minion
from saltfactories.utils import random_string
from support import (
    ROOT,
    await_until,
    cluster_on,
    example,
    formula_root,
    host_address,
    require_disposable_host,
    write_cluster,
)


def pytest_configure():
    require_disposable_host()


@pytest.fixture(scope="session")
def salt_factories_config(tmp_path_factory):
    # A short path: the sockets below it may have 107 characters.
    root = tmp_path_factory.getbasetemp().parent / "salt"
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir()
    return {"root_dir": str(root), "log_server_level": "error"}


@pytest.fixture(scope="session")
def cluster_files(tmp_path_factory):
    """The cluster files by name."""
    folder = tmp_path_factory.mktemp("clusters")
    demo = example()
    del demo["network"]["provider"]
    (controllers,) = [node for node in demo["nodes"].values() if "controller" in node["roles"]]
    # A minion id belongs to one cluster: the storage nodes are those of rings.
    demo["nodes"] = {"ctl[1-3]": {**controllers, "roles": ["controller"]}}
    solo = cluster_on(host_address(), "solo1")
    solo["name"] = "solo"
    return {
        cluster["name"]: write_cluster(folder / f"{cluster['name']}.yaml", cluster)
        for cluster in (demo, solo, rings_cluster(), crowd_cluster())
    }


def rings_cluster():
    """Three storage nodes, one of which is a proxy too; its controller is never there."""
    found = example()
    found["name"] = "rings"
    del found["network"]["provider"]
    found["nodes"] = {"con1": {"address": "172.29.80.11", "roles": ["controller"]}}
    for number in (1, 2, 3):
        found["nodes"][f"sto{number}"] = {
            "address": f"172.29.80.2{number}",
            "interface": "lo",
            "roles": ["storage", "proxy"] if number == 2 else ["storage"],
            # What a small ring cannot have: so many bytes that it travels in pieces.
            "storage": {
                "zone": number,
                "devices": {"sdb": {}, "sdc": {"rings": ["object"], "meta": random_text(400_000)}},
            },
        }
    # One node gets more devices than the others.
    options = {"part_power": 8, "max_dispersion": 100}
    rings = dict.fromkeys(("account", "container", "object"), options)
    # The disk is not theirs, and whatever else lies on it is no fault of theirs.
    devices = {"kind": "directories", "nearly_full": 100}
    found["swift"] = {"owner": "sto1", "rings": rings, "devices": devices}
    return found


def crowd_cluster():
    """200 compute nodes."""
    found = example()
    found["name"] = "crowd"
    found["nodes"] = {
        "con2": {"address": "172.29.80.11", "roles": ["controller"]},
        "cmp[001-200]": {"address": "172.29.80.50-249", "roles": ["compute"]},
    }
    # Beside the nodes.
    found["vip"]["address"] = "172.29.80.12"
    found["nova_network"]["floating_pools"] = {}
    return found


def random_text(length):
    return random.Random(length).randbytes(length // 2).hex()


@pytest.fixture(scope="session")
def formula(tmp_path_factory):
    return formula_root(tmp_path_factory.mktemp("master") / "formula")


@pytest.fixture(scope="session")
def master(salt_factories, formula, cluster_files, tmp_path_factory, event_listener):
    # It forgets an event after two minutes, and the longest trials last longer on a busy host.
    event_listener.timeout = 3600
    environment = jinja2.Environment()
    environment.filters["json"] = json.dumps
    template = ROOT / "openstack_ha/master/files/openstack_ha.conf.jinja"
    text = environment.from_string(template.read_text(encoding="utf-8"))
    written = yaml.safe_load(text.render(cluster_file="/nowhere", archives="/nowhere"))
    factory = salt_factories.salt_master_daemon(
        random_string("master-"),
        factory_class=Master,
        overrides={
            # A key waits until somebody accepts it: the factory does, as long as it listens.
            "auto_accept": False,
            # The factory's own configuration opens test.* to all.
            "peer": None,
            "file_roots": {"base": [str(formula)]},
            "ext_pillar": [{"openstack_ha": str(path)} for path in cluster_files.values()],
            "openstack_ha_copies": str(tmp_path_factory.mktemp("copies")),
            # No schedule: the tests say when a look is due.
            "reactor": written["reactor"],
            "state_events": written["state_events"],
            "log_level_logfile": "debug",
        },
    )
    synced = factory.salt_run_cli().run("saltutil.sync_all")
    assert synced.returncode == 0, synced
    with factory.started():
        yield factory


@pytest.fixture(scope="session")
def bus(master):
    """The master's bus, to fire events on."""
    opts = master.config.copy()
    with salt.utils.event.get_event("master", opts["sock_dir"], opts=opts, listen=False) as found:
        yield found


@pytest.fixture(scope="session")
def since(master, bus, event_listener):
    """
    Return a function that gives the events of a tag since a time, in their order.

    The listener hears the bus a little late: a mark tells that it has heard what was before.
    """

    def heard(begin, pattern):
        return event_listener.get_events([(master.id, pattern)], after_time=begin)

    def events(begin, pattern):
        mark, marked = random_string("test/mark/"), time.time()
        assert bus.fire_event({}, mark)
        await_until(lambda: heard(marked, mark), 120, "the listener's hearing of the bus")
        return sorted(heard(begin, pattern), key=lambda event: event.stamp)

    return events


@pytest.fixture(scope="session")
def reacted(since):
    """
    Return a function that waits until the master is done with a start event that was fired since a
    time, and with all that had been fired before it: the reactor takes events in their order.
    """

    def wait(begin, minion_id):
        started = f"salt/minion/{minion_id}/start"
        await_until(
            lambda: any(
                started in str(event.data["fun_args"]) for event in since(begin, "salt/run/*/ret")
            ),
            300,
            f"the reaction to {started}",
            lambda: running(since, begin),
        )
        await_until(
            lambda: not running(since, begin),
            300,
            "the end of all runs",
            lambda: running(since, begin),
        )

    return wait


def running(since, begin):
    """The runners that began since a time and have not ended."""
    new, ended = (
        {event.data["jid"]: event.data["fun"] for event in since(begin, f"salt/run/*/{end}")}
        for end in ("new", "ret")
    )
    return [fun for jid, fun in new.items() if jid not in ended]


@pytest.fixture(scope="session")
def start_minion(master):
    """Return a function that gives the minion of an id, to be started."""
    made = {}

    def start(minion_id):
        # One that was there before has its key, as that of a host does that boots again.
        if minion_id not in made:
            made[minion_id] = master.salt_minion_daemon(
                minion_id,
                factory_class=Minion,
                overrides={"log_level_logfile": "debug", "random_reauth_delay": 1},
            )
        return made[minion_id]

    return start


@pytest.fixture(scope="session")
def sync(master):
    """Return a function that gives minions, which have just started, the formula's modules."""

    def call(*minions):
        ids = ",".join(minion.id for minion in minions)
        synced = master.salt_cli().run("--list", "saltutil.sync_all", minion_tgt=ids)
        assert synced.returncode == 0, synced

    return call


@pytest.fixture(scope="session")
def run(master):
    """Return a function that runs a runner by salt-run and returns its data."""

    def call(function, *arguments, **more):
        result = master.salt_run_cli().run(function, *arguments, **more)
        assert result.returncode == 0, result
        # A bare string is left in stdout by the CLI wrapper.
        text = result.stdout.strip()
        return text if result.data is None and text != "null" else result.data

    return call


@pytest.fixture(scope="session")
def ask(master):
    """Return a function that runs a module's function on a minion and returns its data."""

    def call(minion_id, function, *arguments, **more):
        return master.salt_cli().run(function, *arguments, minion_tgt=minion_id, **more).data

    return call


@pytest.fixture(scope="session")
def answered(run):
    """Return a function that looks after a system of a cluster until the answer is its own."""

    def look(system, cluster):
        found = []

        def is_answered():
            found.append(run("openstack_ha_coordinator.answer", cluster, system))
            return found[-1] is not None

        await_until(
            is_answered,
            300,
            f"an answer of {system} that nobody else gives",
            lambda: run("openstack_ha_lease.show", f"{cluster}.{system}"),
        )
        return found[-1]

    return look


@pytest.fixture(scope="session")
def planned(run):
    """
    Return a function that gives the plan of a cluster's system in which nodes have answered: on a
    busy host one may be silent for as long as a look waits, and the plan is that of its silence.
    """

    def look(cluster, system, *nodes):
        found = []

        def have_answered():
            found.append(run("openstack_ha_coordinator.plan", cluster, system))
            return all(found[-1]["evidence"][node] is not None for node in nodes)

        await_until(
            have_answered,
            300,
            f"answers of {', '.join(nodes)} about {system}",
            lambda: found[-1]["decisions"],
        )
        return found[-1]

    return look
