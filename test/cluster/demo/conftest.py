"""Demo: ctl1 and ctl2 answer, ctl3 is dead, and nothing is configured, so its servers wait."""

import time

import pytest
from forked import start_all


@pytest.fixture(scope="session")
def controllers(start_minion, sync, reacted):
    """ctl1 and ctl2, of whose start the master thinks no more; who stops one starts it again."""
    minions = [start_minion(one) for one in ("ctl1", "ctl2")]
    begin = time.time()
    start_all(minions)
    sync(*minions)
    for minion in minions:
        reacted(begin, minion.id)
    yield minions
    for minion in minions:
        minion.terminate()


@pytest.fixture
def dying(controllers, sync, reacted):
    """ctl2, which is there again afterwards."""
    minion = controllers[1]
    yield minion
    begin = time.time()
    minion.start()
    sync(minion)
    reacted(begin, minion.id)


@pytest.fixture
def first_look(run):
    """The master has never looked at demo's Galera: its patience with ctl3 begins now."""
    run("openstack_ha_record.keep", "demo.galera", "{}")
