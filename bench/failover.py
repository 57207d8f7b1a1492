"""
Kill the VIP's holder and measure the longest gap of each operation through the VIP.

`python -m bench.failover` needs a lab that serves (`make lab`). A gap is the time between two
operations that succeed, by the end of each.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
import threading
import time
from collections.abc import Iterable
from pathlib import Path

from rich.console import Console
from rich.table import Table

from lab import Lab
from lab.summary import holds_vip
from lab.waiting import PATIENCE, wait_for

# Seconds; power loss of the VIP's holder.
GOALS = {
    "http": 0.5,
    "sql_read": 1.0,
    "sql_write": 1.5,
    "amqp": 1.0,
    # Each of these reads SQL, by a process that has to find a new connection first.
    "token": 1.5,
    "image": 1.5,
    "resource": 1.5,
}
# Seconds after which an operation that hangs has failed.
TIMEOUT = 3
PROBE = "/opt/client/probe.py"
TASK = "/opt/client/probe.json"
PYTHON = "/opt/client/bin/python"


def operations(lab: Lab) -> list[str]:
    """Return what can be asked of a lab: images are where Swift is."""
    return [name for name in GOALS if name != "image" or "glance" in lab.inventory["credentials"]]


def gaps(records: list[dict], names: Iterable[str] = GOALS) -> dict[str, dict]:
    """Return the longest gap and the number of failures of each operation.

    records
        What the probe wrote, a mapping an operation.

    names
        The operations.
    """
    found = {}
    for name in names:
        own = [record for record in records if record["operation"] == name]
        ends = sorted(record["end"] for record in own if not record["error"])
        # What still fails at the end has failed until then.
        last = [max(record["begin"] for record in own)] if len(ends) > 1 else []
        steps = itertools.pairwise([*ends, *last])
        found[name] = {
            "gap": max((later - sooner for sooner, later in steps), default=None),
            "succeeded": len(ends),
            "failed": len(own) - len(ends),
            "errors": sorted({record["error"] for record in own if record["error"]}),
        }
    return found


def vip_holders(lab: Lab) -> list[str]:
    """Return the nodes that have the VIP on an interface."""
    vip = lab.inventory["vip"]["address"]
    running = [node for node in lab.nodes.values() if node.state == "running"]
    return [node.id for node in running if holds_vip(node, vip)]


def vip_holder(lab: Lab) -> str:
    """Return the node that has the VIP, when there is one and no other."""
    return wait_for(lambda: _only(vip_holders(lab)), PATIENCE, "one holder of the VIP", 0.2)


def _only(found: list[str]) -> str | None:
    return found[0] if len(found) == 1 else None


class Probe:
    """While it is entered, operations run through the VIP; ``records`` has them afterwards."""

    def __init__(self, lab: Lab, seconds: int, timeout: int = TIMEOUT):
        self.client = lab.client
        task = {"vip": lab.inventory["vip"]["address"], "seconds": seconds, "timeout": timeout}
        task["operations"] = operations(lab)
        task.update(lab.inventory["credentials"])
        self.client.write(PROBE, Path(__file__).with_name("probe.py").read_text())
        self.client.write(TASK, json.dumps(task), mode=0o600)
        self.seconds, self.timeout = seconds, timeout
        self.records: list[dict] = []

    def __enter__(self) -> Probe:
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_exc) -> None:
        self.thread.join(self.seconds + self.timeout + 60)

    def _run(self) -> None:
        done = self.client.run([PYTHON, PROBE, TASK], timeout=self.seconds + self.timeout + 30)
        self.error = done.err
        self.records = [json.loads(line) for line in done.out.splitlines()]


def fail_over(lab: Lab, before: float = 5, after: float = 15) -> dict:
    """Kill the holder under load, boot it again, and return the gaps and who it was."""
    holder = vip_holder(lab)
    with Probe(lab, int(before + after)) as probe:
        time.sleep(before)
        lab.node(holder).kill()
    lab.node(holder).boot()
    lab.node(holder).wait_booted()
    if not probe.records:
        raise RuntimeError(f"the probe wrote nothing: {probe.error}")
    return {"killed": holder, "gaps": gaps(probe.records, operations(lab))}


def is_whole(lab: Lab) -> bool:
    """Return whether every member is Synced, and no node is still on its way back from a boot."""
    nodes = lab.with_role("controller")
    galera = lab.master.salt(",".join(nodes), "openstack_ha_galera.status")
    rejoin = lab.master.salt(",".join(nodes), "openstack_ha_rejoin.status")
    # Who did not answer is not whole.
    return all(
        _says(galera.get(node), "is_synced") and _says(rejoin.get(node), "has_rejoined")
        for node in nodes
    )


def _says(answer: object, key: str) -> bool:
    return isinstance(answer, dict) and bool(answer.get(key))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    args = parser.parse_args()
    lab, console = Lab.load(), Console()
    rounds = []
    for number in range(args.rounds):
        wait_for(lambda: is_whole(lab), PATIENCE, "the cluster to be whole")
        rounds.append(fail_over(lab))
        console.print(f"round {number + 1}: killed {rounds[-1]['killed']}", highlight=False)
    if args.json:
        print(json.dumps(rounds, indent=2))
    table = Table("operation", "goal", "worst gap", "missing", "all gaps")
    is_good = True
    for name in operations(lab):
        found = [one["gaps"][name]["gap"] or float("inf") for one in rounds]
        goal, worst = GOALS[name], max(found)
        is_good &= worst <= goal
        missing = f"{worst - goal:.2f} s" if worst > goal else "-"
        every = " ".join(f"{gap:.2f}" for gap in found)
        table.add_row(name, f"{goal} s", f"{worst:.2f} s", missing, every)
    console.print(table)
    return 0 if is_good else 1


if __name__ == "__main__":
    sys.exit(main())
