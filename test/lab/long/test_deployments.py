"""
From nothing, in any order and with any delay: one bootstrap, one cluster.

LAB_ROUNDS is how many times (10).
"""

import os
import threading
import time

import deploying
import pytest

from lab import highstate

ROUNDS = int(os.environ.get("LAB_ROUNDS", "10"))
LONGEST_DELAY = 20


@pytest.mark.parametrize("number", range(ROUNDS))
def test_a_deployment_has_one_bootstrap_and_one_cluster(bare, chance, number):
    _forget(bare)
    delays = {node: chance.uniform(0, LONGEST_DELAY) for node in bare.nodes}
    print(f"delays {delays}")
    made = deploying.heard(bare, lambda: _deployed(bare, delays))
    assert highstate.failures(made.returns, bare.nodes) == {}
    deploying.assert_one_cluster(bare, made)


def _forget(lab):
    """New hosts, and a master that knows of no cluster."""
    lab.master.run("openstack_ha_galera.forget", lab.inventory["cluster"])
    lab.redeploy()


def _deployed(lab, delays):
    """Each node's own highstate after its delay."""
    returns = {}

    def one(node, delay):
        time.sleep(delay)
        returns.update(lab.highstate(target=node))

    threads = [threading.Thread(target=one, args=item) for item in delays.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return returns
