"""
Rings by the formula, by Swift's own command line, and by the bare library, in the same run.

`/opt/salt/bin/python -m bench.ring` as root on a host that has python3-swift, such as one of the
lab: it builds rings of 24, 240 and 1000 devices in a folder of its own that is thrown away.

- cli: swift-ring-builder, a process for each device, as deployers do it
- library: one process of the system's Python, with its start; it adds, rebalances and saves
- ours: `openstack_ha_swift_ring.apply`, with its process, plan, copy, fsync and second reading
- no change: `openstack_ha_swift_ring.apply` once more
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import salt.config
import salt.loader

ROOT = Path(__file__).parents[1]
HELPER = ROOT / "openstack_ha/swift/files/openstack-ha-swift-ring.py"
# Devices: parts as a power of two, rounds, and whether the command line is timed as well.
SIZES = {24: (10, 6, True), 240: (14, 4, True), 1000: (14, 4, False)}
ZONES, PER_NODE = 4, 6
GOALS = {"cli_at_24": 15, "library": 1.2, "no_change": 2.0}

LIBRARY = f"""
import sys
from swift.common.ring.builder import RingBuilder
folder, count, power = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
builder = RingBuilder(power, 3, 24)
builder.set_overload(0.1)
for number in range(count):
    node = number // {PER_NODE}
    address = f"10.0.{{node // 200}}.{{node % 200 + 1}}"
    builder.add_dev(dict(
        region=1, zone=node % {ZONES} + 1, ip=address, port=6200, device=f"sd{{number}}",
        replication_ip=address, replication_port=6200, weight=100.0))
builder.rebalance(seed="object 0")
builder.validate()
builder.save(folder + "/object.builder")
builder.get_ring().save(folder + "/object.ring.gz")
"""


def cluster(count: int, power: int) -> dict:
    """Return a cluster as the pillar has it, with this many devices."""
    nodes = {"sto0": {"address": "127.0.0.1", "roles": ["storage"], "interface": "lo"}}
    for number in range(count):
        node = number // PER_NODE
        storage = {"zone": node % ZONES + 1, "devices": {}}
        address = f"10.0.{node // 200}.{node % 200 + 1}"
        made = nodes.setdefault(
            f"sto{node + 1}", {"address": address, "roles": ["storage"], "storage": storage}
        )
        made["storage"]["devices"][f"sd{number}"] = {"weight": 100}
    nodes["ctl1"] = {"address": "10.9.9.9", "roles": ["controller"]}
    return {
        "name": "bench",
        "network": {"management": "0.0.0.0/0"},
        "vip": {"address": "10.9.9.10"},
        "nodes": nodes,
        "swift": {"owner": "sto0", "rings": {"object": {"part_power": power}}},
    }


def modules_of(found: dict, root: str):
    """Return Salt's modules with the cluster as this host's own view."""
    opts = salt.config.minion_config(None)
    opts.update(id="sto0", root_dir=root, cachedir=f"{root}/cache", file_client="local", grains={})
    opts.update(module_dirs=[str(ROOT / "_modules")], utils_dirs=[str(ROOT / "_utils")])
    utils = salt.loader.utils(opts)
    filled = utils["openstack_ha_cluster.complete"](found)
    opts["pillar"] = {"openstack_ha": utils["openstack_ha_cluster.view"](filled, "sto0")}
    modules = salt.loader.minion_mods(opts, utils=utils)
    modules["openstack_ha_swift_ring.plan"]  # Loaded, so that the loader's time is not counted.
    return modules


def timed(call, *args, **kwargs) -> float:
    begin = time.perf_counter()
    call(*args, **kwargs)
    return time.perf_counter() - begin


def by_library(count: int, power: int, folder: str) -> float:
    argv = ["/usr/bin/python3", "-c", LIBRARY, folder, str(count), str(power)]
    return timed(subprocess.run, argv, check=True)


def by_command_line(count: int, power: int, folder: str) -> float:
    tool = ["/usr/bin/swift-ring-builder", f"{folder}/object.builder"]

    def build():
        calls = [["create", str(power), "3", "24"], ["set_overload", "0.1"]]
        for number in range(count):
            node = number // PER_NODE
            address = f"10.0.{node // 200}.{node % 200 + 1}"
            calls.append(["add", f"r1z{node % ZONES + 1}-{address}:6200/sd{number}", "100"])
        for arguments in [*calls, ["rebalance", "--seed", "object 0"]]:
            # Its exit status says nothing: 1 is also a ring that was saved.
            subprocess.run([*tool, *arguments], check=False, capture_output=True)

    spent = timed(build)
    if not Path(folder, "object.ring.gz").exists():
        raise RuntimeError(f"swift-ring-builder made no ring in {folder}")
    return spent


def measure(count: int, power: int, rounds: int, has_cli: bool) -> dict:
    """Return the median seconds of each way."""
    spent: dict[str, list[float]] = {"library": [], "ours": [], "no_change": []}
    with tempfile.TemporaryDirectory() as root:
        modules = modules_of(cluster(count, power), root)
        apply = modules["openstack_ha_swift_ring.apply"]
        for number in range(rounds):
            folders = {name: f"{root}/{name}{number}" for name in ("library", "ours")}
            Path(folders["library"]).mkdir()
            ways = {
                "library": lambda folder: by_library(count, power, folder),
                "ours": lambda folder: timed(_applied, apply, folder, True),
            }
            # In turn, since whoever comes first pays for cold caches.
            for name in sorted(ways, reverse=number % 2 == 1):
                spent[name].append(ways[name](folders[name]))
            if len({_ring(folder) for folder in folders.values()}) != 1:
                raise RuntimeError("both ways made different rings, so their times say nothing")
            spent["no_change"].append(timed(_applied, apply, folders["ours"], False))
        found = {name: statistics.median(values) for name, values in spent.items()}
        if has_cli:
            folder = Path(root, "cli")
            folder.mkdir()
            found["cli"] = by_command_line(count, power, str(folder))
    return {"devices": count, "parts": 2**power, **found}


def _ring(folder: str) -> bytes:
    return Path(folder, "object.ring.gz").read_bytes()


def _applied(apply, folder: str, is_changed: bool) -> None:
    found = apply("object", folder=folder)
    if found["refusals"] or bool(found["steps"]) != is_changed:
        raise RuntimeError(f"not what was to be measured: {found['refusals'] or found['steps']}")


def install() -> None:
    """Put the helper where the module looks for it."""
    program = Path("/usr/libexec/openstack_ha") / HELPER.name
    program.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(HELPER, program)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.add_argument("--cli-for-all", action="store_true", help="also 1000 processes in a row")
    args = parser.parse_args()
    install()
    rows, is_good = [], True
    for count, (power, rounds, has_cli) in SIZES.items():
        row = measure(count, power, rounds, has_cli or args.cli_for_all)
        row["to_library"] = row["ours"] / row["library"]
        row["cli_to_ours"] = row["cli"] / row["ours"] if "cli" in row else None
        rows.append(row)
        is_good &= row["to_library"] <= GOALS["library"]
        if not args.json:
            print(
                " ".join(
                    f"{k}={v:.2f}" if isinstance(v, float) else f"{k}={v}" for k, v in row.items()
                )
            )
    is_good &= rows[0]["cli_to_ours"] >= GOALS["cli_at_24"]
    is_good &= rows[-1]["no_change"] < GOALS["no_change"]
    if args.json:
        print(json.dumps(rows, indent=2))
    print("goals reached" if is_good else f"goals missed: {GOALS}")
    return 0 if is_good else 1


if __name__ == "__main__":
    sys.exit(main())
