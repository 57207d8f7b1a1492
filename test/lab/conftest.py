"""
One lab for all files: real hosts and a master, deployed once, whole before each test and after it.

A test that needs something asks for its fixture: `bare` hosts that no highstate has seen, the `lab`
that is deployed, `serving`, a `store` with objects in it. The order of the tests and of the files
is nobody's affair, and any file can be run alone.

LAB_KEEP uses a lab that is there already under this tier's name, and leaves it; else it is made
anew and removed. LAB_TEST_NAME is another name, LAB_PROFILE another profile than the largest one.
LAB_SEED repeats what a run left to chance. The files in `long` take more than a change should cost:
what needs bare hosts, other cluster files or deployments of its own.
"""

import contextlib
import functools
import os
import random

import deploying
import kept
import pytest
import runbook
import wholeness
from machines.cloud import Cloud
from support import sql
from swift.store import Store

from lab import Lab, highstate
from lab.waiting import PATIENCE, wait_for, wait_while

# What a runbook's reader looks at until all is well.
WATCHED = (
    "salt-run openstack_ha.status demo",
    "salt-run openstack_ha_swift.status demo",
    "salt ctl3 test.ping",
)

NAME = os.environ.get("LAB_TEST_NAME", "openstack-ha-test")
PROFILE = os.environ.get("LAB_PROFILE", "full")
IS_KEPT = "LAB_KEEP" in os.environ


def pytest_report_header():
    return f"lab: {NAME}, profile {PROFILE}, seed {_seed()}"


def pytest_sessionstart():
    kept.forget()


def _seed():
    return int(os.environ.setdefault("LAB_SEED", str(random.randrange(10**6))))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item):
    """What the hosts have written is kept for each test that fails."""
    report = yield
    if report.failed and "bare" in item.fixturenames:
        report.sections.append(("evidence", kept.of(NAME, item.nodeid)))
    return report


@pytest.fixture
def chance(request):
    """Random numbers, each test its own; LAB_SEED, which the header shows, repeats them."""
    return random.Random(f"{_seed()} {request.node.nodeid}")


@pytest.fixture(scope="session")
def bare():
    """Hosts whose minions the master knows; no highstate has run unless the lab was kept."""
    if not IS_KEPT:
        Lab.remove(NAME)
    made = Lab.create(name=NAME, profile=PROFILE)
    yield made
    if not IS_KEPT:
        made.destroy()


@pytest.fixture(scope="session")
def deployment(bare):
    """The first highstate of all nodes at once; None where a lab was kept that has had it."""
    found = bare.master.salt("*", "openstack_ha_rejoin.status", patience=10)
    if len(found) == len(bare.nodes) and all(map(_is_deployed, found.values())):
        return None
    made = deploying.heard(bare, bare.highstate)
    assert highstate.failures(made.returns, bare.nodes) == {}
    return made


def _is_deployed(said):
    return isinstance(said, dict) and said["is_deployed"]


@pytest.fixture(scope="session")
def lab(bare, deployment):
    """A lab that is deployed."""
    return bare


@pytest.fixture(scope="session")
def nodes(bare):
    """The controllers' ids."""
    return bare.with_role("controller")


class Serving:
    """Waits, when it is called, until all of the lab serves and nobody is on its way back."""

    def __init__(self, lab):
        self.lab = lab
        # Nothing has been broken since it was seen.
        self.is_known = False

    def __call__(self, seconds=PATIENCE):
        wait_while(lambda: wholeness.faults(self.lab), seconds, "a lab that is whole")
        self.is_known = True


@pytest.fixture(scope="session")
def serving(lab):
    return Serving(lab)


@pytest.fixture(scope="session")
def store(lab):
    """Objects of all sizes, written through the VIP."""
    made = Store(lab)
    made.run("put")
    return made


@pytest.fixture
def are_back(lab, nodes):
    """Return a function that waits for the end of the batch with the last of some nodes."""

    def have_rejoined(ids):
        found = lab.master.salt(",".join(ids), "openstack_ha_rejoin.status", patience=10)
        rejoined = [isinstance(one, dict) and one["has_rejoined"] for one in found.values()]
        return len(found) == len(ids) and all(rejoined)

    def is_idle():
        return not lab.master.run("openstack_ha_lease.show", wholeness.REJOIN).get("owner")

    def wait(ids, begin):
        def ended():
            batch = lab.master.run("openstack_ha_record.read", wholeness.REJOIN)
            # A node counts as back just before the master writes down that its batch has ended.
            is_over = batch.get("ended", 0) > begin and set(ids) & set(batch["nodes"])
            return batch if is_over and have_rejoined(ids) else None

        return wait_for(ended, PATIENCE, f"{', '.join(ids)} to come back")

    # Else the batch of what the tests before have booted would be taken for the one to come.
    wait_for(lambda: have_rejoined(nodes) and is_idle(), PATIENCE, "everybody to have come back")
    return wait


def _mended(lab, serving):
    """
    Whatever is broken meanwhile, the lab is whole as it begins and as it ends.

    The world outside is put right: power, cables, and the master's service. All else has to come
    back by itself.
    """
    if not serving.is_known:
        serving()
    serving.is_known = False
    yield
    lab.mend()
    serving()


mended = pytest.fixture(_mended)
mended_once = pytest.fixture(scope="module")(_mended)


@pytest.fixture(scope="module")
def cloud(lab, mended_once):
    """Virtual machines, by a client outside; those of a file are gone when it ends."""
    made = Cloud(lab)
    yield made
    made.delete_all()


@pytest.fixture(scope="module")
def hosts(lab):
    """The compute nodes' ids."""
    return lab.with_role("compute")


@pytest.fixture
def follow(lab):
    """Return a function that types the commands of a section, or of one block of it."""
    return functools.partial(_follow, lab)


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
            planned = lab.master.run("openstack_ha_coordinator.plan", "demo", system)
            return next((one["way_out"] for one in planned["decisions"] if one["way_out"]), None)

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
def stop_all(lab, nodes, unseen):
    """Return a function that changes stopped servers before anybody looks at them."""

    def change(**scripts):
        with unseen():
            for node in nodes:
                lab.node(node).check(["systemctl", "stop", "mariadb"])
            for node, script in scripts.items():
                lab.node(node).check(["sh", "-c", script])

    return change


@pytest.fixture
def tell(request):
    """Return a function that shows a line while the test runs."""
    reporter = request.config.pluginmanager.get_plugin("terminalreporter")
    reporter.ensure_newline()
    return reporter.write_line


@pytest.fixture
def rows(lab, nodes):
    """Write a row before an outage; return a function that asserts that every server has all."""
    table = "probe.outages"
    sql(
        lab.node(nodes[0]),
        f"CREATE TABLE IF NOT EXISTS {table} (id BIGINT AUTO_INCREMENT PRIMARY KEY);"
        f"INSERT INTO {table} () VALUES ()",
    )
    # A server may be some writes behind until it is asked to wait for them.
    select = f"SET SESSION wsrep_sync_wait = 1; SELECT GROUP_CONCAT(id) FROM {table}"
    written = sql(lab.node(nodes[0]), select)
    assert written

    def check():
        assert {node: sql(lab.node(node), select) for node in nodes} == dict.fromkeys(
            nodes, written
        )

    return check
