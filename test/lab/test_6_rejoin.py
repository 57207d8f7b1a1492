"""Controllers that boot come back by themselves, all that come together in one batch."""

import time

import pytest

from bench import failover
from lab.waiting import wait_for

# Seconds from the last boot: a bound, not the figure.
BOUND = 300


@pytest.fixture
def are_back(lab):
    """Return a function that waits for the end of the batch with the last of some nodes."""

    def wait(nodes, begin):
        def ended():
            found = lab.master.salt(",".join(nodes), "openstack_ha_rejoin.status")
            batch = lab.master.run("openstack_ha_record.read", "demo.rejoin")
            # A node counts as back just before the master writes down that its batch has ended.
            is_over = batch.get("ended", 0) > begin and set(nodes) & set(batch["nodes"])
            rejoined = [isinstance(one, dict) and one["has_rejoined"] for one in found.values()]
            return batch if is_over and len(found) == len(nodes) and all(rejoined) else None

        return wait_for(ended, BOUND, f"{', '.join(nodes)} to come back")

    return wait


def _reboot(lab, nodes):
    """Take the power of nodes and switch them on; return when."""
    begin = time.time()
    for node in nodes:
        lab.node(node).kill()
    for node in nodes:
        lab.node(node).boot()
    return begin


def test_every_node_counts_as_deployed(lab, nodes, serving):
    serving()
    found = lab.master.salt(",".join(nodes), "openstack_ha_rejoin.status")
    assert all(found[node]["is_deployed"] for node in nodes)


def test_one_boots(lab, nodes, are_back, serving, chance):
    node = chance.choice(nodes)
    batch = are_back([node], _reboot(lab, [node]))
    assert batch["nodes"] == {node: {"is_back": True, "step": None, "why": None}}
    serving()


def test_all_boot_at_once(lab, nodes, are_back, serving):
    batch = are_back(nodes, _reboot(lab, nodes))
    assert all(one["is_back"] for one in batch["nodes"].values())
    print(f"the last batch: {sorted(batch['nodes'])} in {batch['seconds']} s")
    serving()
    wait_for(lambda: len(failover.vip_holders(lab)) == 1, 60, "one holder of the VIP")


def test_a_restart_of_the_master_in_between_costs_a_schedules_round_at_most(
    lab, nodes, are_back, serving, chance
):
    node = chance.choice(nodes)
    begin = _reboot(lab, [node])
    lab.master.host.check(["systemctl", "restart", "salt-master"])
    are_back([node], begin)
    serving()


def test_a_highstate_after_a_boot_has_nothing_left_to_do(lab, nodes):
    returns = lab.master.salt(",".join(nodes), "state.highstate", queue=True)
    changed = {
        node: [
            key for key, state in returns[node].items() if state["changes"] or not state["result"]
        ]
        for node in nodes
    }
    assert changed == {node: [] for node in nodes}
