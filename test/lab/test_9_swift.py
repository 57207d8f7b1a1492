"""
The cluster grows by three storage nodes: what is written once is read everywhere, whichever of them
is down.
"""

import time

import pytest
from swift.store import Store

from lab import Lab, highstate
from lab.waiting import wait_for

# Long enough for each part of the rings to be asked for.
WORK = 30


@pytest.fixture(scope="module")
def storage(lab):
    """The storage nodes' ids; the controllers have become proxies."""
    Lab.create(profile="full", name=lab.name)
    returns = lab.highstate()
    assert highstate.failures(returns, lab.nodes) == {}
    return [node.id for node in lab.nodes.values() if "storage" in node.roles]


@pytest.fixture(scope="module")
def store(lab, storage):
    made = Store(lab)
    made.run("put")
    return made


@pytest.fixture
def power(lab, storage):
    yield
    for node in storage:
        lab.node(node).boot()


def _is_healthy(lab):
    return lab.master.run("openstack_ha_swift.status", "demo")["verdict"] == "healthy"


def test_a_second_highstate_changes_nothing(lab, storage):
    for test in (False, True):
        returns = lab.highstate(test=test)
        assert highstate.failures(returns, lab.nodes) == {}
        assert highstate.changes(returns) == {}


def test_every_node_has_the_same_rings(lab, storage):
    wait_for(lambda: _is_healthy(lab), 60, "every node to have the rings")


def test_objects_are_the_same_through_every_proxy(lab, nodes, store):
    for node in nodes:
        store.run("check", lab.node(node).address)


def test_no_operation_fails_while_a_storage_node_is_down(lab, storage, store, chance, power):
    with store:
        for node in chance.sample(storage, len(storage)):
            time.sleep(WORK / 2)
            lab.node(node).kill()
            time.sleep(WORK)
            lab.node(node).boot()
            wait_for(lambda node=node: lab.master.answering(node), 120, f"{node} to come back")
        time.sleep(WORK / 2)
    assert store.failed() == []
    assert int(store.run("verify"))
