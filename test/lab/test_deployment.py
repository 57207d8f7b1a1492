"""From nothing to a cluster: all nodes at once, one bootstrap, and nothing left to do."""

import deploying
import pytest

from lab import highstate


def test_one_bootstrap_and_one_cluster(lab, deployment):
    if deployment is None:
        pytest.skip("the lab was kept, and nobody heard its deployment")
    deploying.assert_one_cluster(lab, deployment)


def test_a_second_highstate_changes_nothing(lab, serving):
    serving()
    returns = lab.highstate()
    assert highstate.failures(returns, lab.nodes) == {}
    assert highstate.changes(returns) == {}


def test_every_node_counts_as_deployed(lab):
    found = lab.master.salt("*", "openstack_ha_rejoin.status")
    assert {node for node, one in found.items() if one["is_deployed"]} == set(lab.nodes)
