"""From nothing, in any order and with any delay: one bootstrap, one cluster."""

import threading
import time

import pytest

from lab import highstate

LONGEST_DELAY = 20


@pytest.fixture(scope="module")
def deploy(lab, chance):
    """Return a function that runs each node's own highstate after a random delay."""

    def run():
        returns, delays = {}, {node: chance.uniform(0, LONGEST_DELAY) for node in lab.nodes}

        def one(node, delay):
            time.sleep(delay)
            returns.update(lab.highstate(target=node))

        threads = [threading.Thread(target=one, args=item) for item in delays.items()]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert highstate.failures(returns, lab.nodes) == {}, f"delays {delays}"
        return delays

    return run


def _heard(lab, deploy):
    """Deploy, and return the verdicts that the master publishes and the steps that it orders."""
    verdicts, steps = [], []
    decision = f"openstack_ha/{lab.inventory['cluster']}/galera/decision"

    def tell(tag, data):
        if tag == decision:
            verdicts.append(data["verdict"])
        elif data.get("fun") == "openstack_ha_master.serve" and tag.endswith("/new"):
            steps.extend(one["function"] for one in data["arg"] if isinstance(one, dict))

    with lab.listen("*", tell):
        delays = deploy()
    return verdicts, steps, delays


def test_each_deployment_has_one_bootstrap_and_one_cluster(lab, deploy, rounds):
    for number in range(rounds):
        if number:
            lab.master.run("openstack_ha_galera.forget", lab.inventory["cluster"])
            lab.redeploy()
        verdicts, steps, delays = _heard(lab, deploy)
        # A node that is silent as it is looked at once more puts the decision off, not the step.
        bootstraps = steps.count("openstack_ha_galera.bootstrap")
        assert bootstraps == 1, f"round {number}, {delays}: {verdicts}"
        assert verdicts[-1] == "settled"
        status = lab.master.salt(",".join(lab.nodes), "openstack_ha_galera.status")
        assert {one["wsrep"]["cluster_size"] for one in status.values()} == {len(lab.nodes)}
        assert len({one["wsrep"]["state_uuid"] for one in status.values()}) == 1
        assert all(one["is_synced"] for one in status.values())


def test_a_second_highstate_would_change_nothing(lab):
    """Nor does it, as the tests of the larger lab show."""
    returns = lab.highstate(test=True)
    assert highstate.failures(returns, lab.nodes) == {}
    assert highstate.changes(returns) == {}
