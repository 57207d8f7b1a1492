"""
Three real controllers and a master. The lab is this tier's own, beside the one of `make lab`.

LAB_ROUNDS is the number of deployments from nothing (2, and 10 in `make deployments`). A lab that
is there already under this tier's name is replaced, unless LAB_KEEP is set: then it is used and
left, for work on the tests that come after the deployments. LAB_TEST_NAME is another name, for two
runs side by side; LAB_PROFILE is that of a lab which is kept. The tests of Swift have a second lab,
with storage nodes.
"""

import contextlib
import functools
import os
import random

import pytest
import runbook
import testinfra
from swift.store import Store

from lab import Lab, highstate
from lab.waiting import wait_for

# What a runbook's reader looks at until all is well, and for how many seconds at most.
WATCHED = (
    "salt-run openstack_ha.status demo",
    "salt-run openstack_ha_swift.status demo",
    "salt ctl3 test.ping",
)
PATIENCE = 300

NAME = os.environ.get("LAB_TEST_NAME", "openstack-ha-test")


def pytest_report_header():
    return f"lab: {NAME}, seed {_seed()}, {_rounds()} deployments"


def _seed():
    return int(os.environ.setdefault("LAB_SEED", str(random.randrange(10**6))))


def _rounds():
    return int(os.environ.get("LAB_ROUNDS", "2"))


@pytest.fixture(scope="session")
def rounds():
    return _rounds()


@pytest.fixture(scope="session")
def chance():
    """Random numbers whose seed the header shows; LAB_SEED repeats them."""
    return random.Random(_seed())


@pytest.fixture(scope="session")
def lab():
    """Bare hosts, whose minions the master knows; no highstate has run."""
    is_kept = "LAB_KEEP" in os.environ
    if not is_kept:
        Lab.remove(NAME)
    made = Lab.create(name=NAME, profile=os.environ.get("LAB_PROFILE", "core"))
    yield made
    if not is_kept:
        made.destroy()


@pytest.fixture(scope="session")
def nodes(lab):
    """The controllers."""
    return lab.with_role("controller")


@pytest.fixture(scope="session")
def inside(lab):
    """Each node as testinfra sees it, by its id."""
    return {
        node.id: testinfra.get_host(f"docker://{node.container.name}")
        for node in lab.nodes.values()
    }


@pytest.fixture(scope="session")
def serving(lab, nodes):
    """Return a function that waits until every member is Synced and every broker runs."""

    def whole():
        target = ",".join(nodes)
        # Who boots at this moment is asked again rather than waited for.
        galera = lab.master.salt(target, "openstack_ha_galera.status", patience=10)
        rabbitmq = lab.master.salt(target, "openstack_ha_rabbitmq.status", patience=10)
        return all(_is_synced(galera.get(node)) for node in nodes) and all(
            _is_whole(rabbitmq.get(node), len(nodes)) for node in nodes
        )

    def wait(seconds=300):
        wait_for(whole, seconds, "every member Synced and every broker running")

    return wait


def _is_synced(status):
    return isinstance(status, dict) and status["is_synced"]


def _is_whole(status, count):
    return (
        isinstance(status, dict)
        and len(status["running_nodes"]) == count
        and not status["partitions"]
    )


@pytest.fixture(scope="session")
def full():
    """A lab of its own with storage nodes, deployed whole from nothing."""
    name = f"{NAME}-swift"
    is_kept = "LAB_KEEP" in os.environ
    if not is_kept:
        Lab.remove(name)
    made = Lab.create(profile="full", name=name)
    assert highstate.failures(made.highstate(), made.nodes) == {}
    yield made
    if not is_kept:
        made.destroy()


@pytest.fixture(scope="session")
def store(full):
    """Objects of all sizes, written through the VIP."""
    made = Store(full)
    made.run("put")
    return made


@pytest.fixture
def are_back(lab, nodes):
    """Return a function that waits for the end of the batch with the last of some nodes."""

    def have_rejoined(ids):
        found = lab.master.salt(",".join(ids), "openstack_ha_rejoin.status")
        rejoined = [isinstance(one, dict) and one["has_rejoined"] for one in found.values()]
        return len(found) == len(ids) and all(rejoined)

    def is_idle():
        return not lab.master.run("openstack_ha_lease.show", "demo.rejoin").get("owner")

    def wait(ids, begin):
        def ended():
            batch = lab.master.run("openstack_ha_record.read", "demo.rejoin")
            # A node counts as back just before the master writes down that its batch has ended.
            is_over = batch.get("ended", 0) > begin and set(ids) & set(batch["nodes"])
            return batch if is_over and have_rejoined(ids) else None

        return wait_for(ended, PATIENCE, f"{', '.join(ids)} to come back")

    # Else the batch of what the tests before have booted would be taken for the one to come.
    wait_for(lambda: have_rejoined(nodes) and is_idle(), PATIENCE, "everybody to have come back")
    return wait


@pytest.fixture
def outer_world(lab, nodes):
    """Whatever a test has left, the next one has power, a network and a master."""
    yield
    lab.master.start()
    for node in nodes:
        lab.node(node).boot()
        lab.node(node).heal()


@pytest.fixture
def follow(lab):
    """Return a function that types the commands of a section, or of one block of it."""
    return functools.partial(_follow, lab)


@pytest.fixture
def follow_in_full(full):
    """The same in the lab with storage nodes."""
    return functools.partial(_follow, full)


def _follow(lab, name, title, number=None):
    blocks = runbook.sections(name)[title]
    for block in blocks if number is None else [blocks[number]]:
        for where, command in block:
            _type_in(lab.master.host if where == "master" else lab.node(where), command)


def _type_in(host, command):
    argv = ["sh", "-c", command]
    if command in WATCHED:
        wait_for(lambda: host.run(argv).rc == 0, PATIENCE, command)
    else:
        host.check(argv)


@pytest.fixture
def refusal(lab):
    """Return a function that waits for the master's refusal, and gives its runbook and section."""

    def wait(system="galera"):
        def way_out():
            return lab.master.run(f"openstack_ha_{system}.elect", "demo")["decision"]["way_out"]

        return runbook.place(wait_for(way_out, PATIENCE, "a refusal"))

    return wait


@pytest.fixture
def unseen(lab):
    """Return a context in which no schedule of the master's starts what is stopped."""

    @contextlib.contextmanager
    def stopped():
        lab.master.stop()
        yield
        lab.master.start()

    return stopped


@pytest.fixture
def stop_all(lab, nodes, serving, unseen):
    """Return a function that changes stopped servers before anybody looks at them."""
    serving()

    def change(**scripts):
        with unseen():
            for node in nodes:
                lab.node(node).check(["systemctl", "stop", "mariadb"])
            for node, script in scripts.items():
                lab.node(node).check(["sh", "-c", script])

    return change
