"""Controllers that boot come back by themselves, all that come together in one batch."""

import time

from lab.salt import LONGEST_JOB


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


def test_a_restart_of_the_master_in_between_costs_a_schedules_round_at_most(
    lab, nodes, are_back, serving, chance
):
    node = chance.choice(nodes)
    begin = _reboot(lab, [node])
    lab.master.host.check(["systemctl", "restart", "salt-master"])
    are_back([node], begin)
    serving()


def test_a_highstate_after_a_boot_has_nothing_left_to_do(lab, nodes):
    returns = lab.master.salt(",".join(nodes), "state.highstate", patience=LONGEST_JOB, queue=True)
    changed = {
        node: [
            key for key, state in returns[node].items() if state["changes"] or not state["result"]
        ]
        for node in nodes
    }
    assert changed == {node: [] for node in nodes}
