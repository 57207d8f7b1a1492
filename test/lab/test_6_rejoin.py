"""Controllers that boot come back by themselves, all that come together in one batch."""

import pytest

from bench import failover
from lab.waiting import wait_for

# Seconds from the last boot: a bound, not the figure.
BOUND = 300


@pytest.fixture
def are_back(lab):
    """Return a function that waits until nodes have had their states applied since their boot."""

    def back(nodes):
        found = lab.master.salt(",".join(nodes), "openstack_ha_rejoin.status")
        return all(
            isinstance(found.get(node), dict) and found[node]["has_rejoined"] for node in nodes
        )

    def wait(nodes):
        wait_for(lambda: back(nodes), BOUND, f"{', '.join(nodes)} to come back")
        return lab.master.run("openstack_ha_record.read", "demo.rejoin")

    return wait


def _reboot(lab, nodes):
    for node in nodes:
        lab.node(node).kill()
    for node in nodes:
        lab.node(node).boot()


def test_every_node_counts_as_deployed(lab, nodes, serving):
    serving()
    found = lab.master.salt(",".join(nodes), "openstack_ha_rejoin.status")
    assert all(found[node]["is_deployed"] for node in nodes)


def test_one_boots(lab, nodes, are_back, serving, chance):
    node = chance.choice(nodes)
    _reboot(lab, [node])
    batch = are_back([node])
    assert batch["nodes"] == {node: {"is_back": True, "step": None, "why": None}}
    serving()


def test_all_boot_at_once(lab, nodes, are_back, serving):
    _reboot(lab, nodes)
    batch = are_back(nodes)
    assert all(one["is_back"] for one in batch["nodes"].values())
    print(f"the last batch: {sorted(batch['nodes'])} in {batch['seconds']} s")
    serving()
    wait_for(lambda: len(failover.vip_holders(lab)) == 1, 60, "one holder of the VIP")


def test_a_restart_of_the_master_in_between_costs_a_schedules_round_at_most(
    lab, nodes, are_back, serving, chance
):
    node = chance.choice(nodes)
    _reboot(lab, [node])
    lab.master.host.check(["systemctl", "restart", "salt-master"])
    are_back([node])
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
