"""All nodes lose their power at once, and boot in any order: when what is served again."""

import time

import pytest
from chaos import power_cut
from chaos.history import History
from chaos.load import Load
from chaos.scene import Scene

pytestmark = pytest.mark.usefixtures("mended")


def test_everything_is_served_again_and_no_row_is_lost(
    lab, nodes, serving, chance, tell, are_back, follow
):
    history, begin = History(tell), time.time()
    history.round("power cut of all nodes")
    with Load(lab) as load:
        phases = power_cut.measure(lab, load, Scene(lab, load, chance, history))
    tell("  seconds after the last boot:")
    for name, seconds in phases.items():
        tell(f"  {'-' if seconds is None else format(seconds, '.1f'):>8}  {name}")
    # Galera comes back by itself, without a decision, where the last view is complete.
    phases.pop(power_cut.DECISION)
    assert None not in phases.values()
    follow("total-power-loss.md", "By itself")
    batch = are_back(nodes, begin)
    assert all(one["is_back"] for one in batch["nodes"].values()), batch
    tell(f"  the last batch: {sorted(batch['nodes'])} in {batch['seconds']} s")
    serving()
    wanted = load.acknowledged("rows")
    assert wanted
    for node in nodes:
        assert wanted - load.rows(node) == set(), node
