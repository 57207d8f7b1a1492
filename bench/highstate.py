"""
What a highstate costs that changes nothing, on all controllers (or other nodes) at the same time.

`python -m bench.highstate` needs a lab that serves (`make lab`; LAB_NAME names another one). CPU is
all that the node's processes took from the start of the run to its end: Salt's, and those of the
servers that were asked. What the node takes without a run is measured before, and told beside it.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import json
import statistics
import sys
import time
from collections.abc import Iterable, Mapping

from rich.console import Console
from rich.table import Table

from lab import Lab
from lab.highstate import changes, failures, state_name
from lab.host import Host
from lab.salt import LONGEST_JOB

# Seconds of CPU on a node, what it takes without a run left out.
GOAL = 15
IDLE = 20
TOP = 12


def cpu(nodes: Iterable[Host]) -> dict[str, float]:
    """Return the seconds of CPU that each node has taken since its boot."""
    nodes = list(nodes)
    with concurrent.futures.ThreadPoolExecutor() as pool:
        spent = list(pool.map(_cpu, nodes))
    return {node.id: seconds for node, seconds in zip(nodes, spent, strict=True)}


def _cpu(node: Host) -> float:
    # Docker's own reading: the same with either kind of control groups.
    stats = node.container.stats(stream=False, one_shot=True)
    return stats["cpu_stats"]["cpu_usage"]["total_usage"] / 1e9


def seconds_by_state(returns: Mapping[str, Mapping]) -> dict[str, dict[str, float]]:
    """Return the seconds of each state by node, the state that took the longest anywhere first."""
    found: dict[str, dict[str, float]] = {}
    for node, states in sorted(returns.items()):
        for key, state in states.items():
            found.setdefault(state_name(key), {})[node] = state.get("duration", 0) / 1000
    return dict(sorted(found.items(), key=lambda one: max(one[1].values()), reverse=True))


def idle_share(nodes: Iterable[Host], seconds: float) -> dict[str, float]:
    """Return how much of a core each node takes without a run."""
    nodes = list(nodes)
    before, begin = cpu(nodes), time.monotonic()
    time.sleep(seconds)
    after, wall = cpu(nodes), time.monotonic() - begin
    return {node: (after[node] - before[node]) / wall for node in after}


def run(lab: Lab, ids: list[str]) -> dict:
    """Run one highstate that changes nothing and return what it took."""
    nodes = [lab.node(one) for one in ids]
    before, begin = cpu(nodes), time.monotonic()
    returns = lab.master.salt(",".join(ids), "state.highstate", patience=LONGEST_JOB)
    wall, after = time.monotonic() - begin, cpu(nodes)
    wrong = {**failures(returns, ids), **changes(returns)}
    if wrong:
        raise RuntimeError(f"not what was to be measured: {wrong}")
    return {
        "wall": wall,
        "cpu": {node: after[node] - before[node] for node in ids},
        "states": seconds_by_state(returns),
    }


def measure(lab: Lab, ids: list[str], rounds: int) -> dict:
    """Return the medians of some runs, and what the nodes take without one."""
    idle = idle_share(map(lab.node, ids), IDLE)
    runs = [run(lab, ids) for _ in range(rounds)]

    def median(pick):
        return {node: statistics.median(pick(one, node) for one in runs) for node in ids}

    return {
        "wall": statistics.median(one["wall"] for one in runs),
        "cpu": median(lambda one, node: one["cpu"][node]),
        "idle_share": idle,
        "cpu_of_run": median(lambda one, node: one["cpu"][node] - idle[node] * one["wall"]),
        "states_seconds": median(
            lambda one, node: sum(times.get(node, 0) for times in one["states"].values())
        ),
        "states": runs[-1]["states"],
    }


def show(found: dict, console: Console) -> None:
    """Print the figures as tables."""
    ids = list(found["cpu"])
    table = Table("", *ids)
    table.add_row("CPU, all", *(f"{found['cpu'][node]:.1f} s" for node in ids))
    table.add_row("CPU without a run", *(f"{found['idle_share'][node]:.2f}" for node in ids))
    table.add_row("CPU of the run", *(f"{found['cpu_of_run'][node]:.1f} s" for node in ids))
    table.add_row("states' seconds", *(f"{found['states_seconds'][node]:.1f} s" for node in ids))
    console.print(table)
    table = Table("state", *ids)
    for name, times in list(found["states"].items())[:TOP]:
        table.add_row(name, *(f"{times[node]:.2f}" if node in times else "-" for node in ids))
    console.print(table)
    console.print(f"wall {found['wall']:.1f} s", highlight=False)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--role", default="controller", help="of the nodes (default: controller)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    args = parser.parse_args()
    lab = Lab.load()
    found = measure(lab, lab.with_role(args.role), args.rounds)
    if args.json:
        print(json.dumps(found, indent=2))
    else:
        show(found, Console())
    is_good = max(found["cpu_of_run"].values()) <= GOAL
    print(f"goal of {GOAL} s of CPU {'reached' if is_good else 'missed'}", file=sys.stderr)
    return 0 if is_good else 1


if __name__ == "__main__":
    sys.exit(main())
