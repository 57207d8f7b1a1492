"""
First byte of the dashboard's login page and of its overview with many people at once.

`python -m bench.dashboard` needs a lab that has the dashboard (`make lab PROFILE=nova-network`).
Each person has a connection of its own and asks for the page again as soon as it has come.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

from lab import Lab

PYTHON, VISITORS, TASK = "/opt/client/bin/python", "/opt/client/visitors.py", "/etc/visitors.json"
PEOPLE, SECONDS = 50, 30
MEGABYTE = 1 << 20


def measure(lab: Lab, people: int, seconds: float) -> dict:
    """Return what people at once were answered, by page: milliseconds and failures."""
    known = lab.inventory["credentials"]
    content = {
        "url": f"https://{lab.inventory['vip']['fqdn']}",
        "people": people,
        "seconds": seconds,
        **{key: known["keystone"][key] for key in ("user", "password")},
    }
    lab.client.write(VISITORS, Path(__file__).with_name("visitors.py").read_text())
    lab.client.write(TASK, json.dumps(content), mode=0o600)
    return json.loads(lab.client.check([PYTHON, VISITORS, TASK]))


def memory(lab: Lab) -> dict[str, float]:
    """Return megabytes that the dashboard has on each controller."""
    argv = ["systemctl", "show", "--property=MemoryCurrent", "--value", "horizon"]
    return {
        node: int(lab.node(node).check(argv)) / MEGABYTE for node in lab.with_role("controller")
    }


def main() -> int:
    """Measure, and show it as a table; `--json` prints it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=PEOPLE)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    lab = Lab.load()
    pages = measure(lab, arguments.people, arguments.seconds)
    found = {"pages": pages, "megabytes": memory(lab)}
    if arguments.json:
        print(json.dumps(found))
        return 0
    table = Table("page", "answers", "failed", "median ms", "95 % ms", "longest ms")
    for page, said in pages.items():
        figures = (said[key] for key in ("answers", "failed", "median", "most", "longest"))
        table.add_row(page, *(f"{figure:.0f}" for figure in figures))
    Console().print(table)
    Console().print({node: round(size) for node, size in found["megabytes"].items()})
    return 1 if any(said["failed"] for said in pages.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
