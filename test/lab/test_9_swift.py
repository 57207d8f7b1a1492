"""
Three storage nodes behind three proxies: what is written once is read everywhere, whichever of them
is down.
"""

import pytest
from swift.store import lose

from lab import highstate
from lab.waiting import wait_for

PATIENCE = 300


@pytest.fixture(scope="module")
def storage(full):
    """The storage nodes' ids; the controllers are proxies."""
    return full.with_role("storage")


@pytest.fixture
def power(full, storage):
    yield
    for node in storage:
        full.node(node).boot()


def _is_healthy(full):
    return full.master.run("openstack_ha_swift.status", "demo")["verdict"] == "healthy"


def test_a_second_highstate_changes_nothing(full, storage):
    returns = full.highstate()
    assert highstate.failures(returns, full.nodes) == {}
    assert highstate.changes(returns) == {}


def test_every_node_has_the_same_rings(full, storage):
    wait_for(lambda: _is_healthy(full), PATIENCE, "every node to have the rings")


def test_objects_are_the_same_through_every_proxy(full, store):
    for node in full.nodes.values():
        if "proxy" in node.roles:
            store.run("check", node.address)


def test_no_operation_fails_while_a_storage_node_is_down(full, storage, store, chance, power):
    with store:
        lose(full, chance.choice(storage))
    assert store.failed() == []
    assert int(store.run("verify"))
