"""The lab's command line: `python -m lab up`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from rich.console import Console

from . import cluster, deployment, engine, highstate, summary, tier
from .deployment import Lab
from .errors import LabError
from .images import Images

IMAGES = ("all", "host", "baked", "tests", "wheels", "browser")
console = Console(highlight=False, emoji=False)
errors = Console(highlight=False, emoji=False, stderr=True)


def say(line: str) -> None:
    """Show one line of progress."""
    console.print(line, markup=False, style="dim")


def up(args: argparse.Namespace) -> int:
    """Create the lab, or bring it up to date, and run the highstate."""
    lab = Lab.create(args.profile, args.name, args.cold, args.cluster, say)
    code = _highstate(lab, "*", test=False)
    console.print(summary.summary(lab.inventory, lab.inventory_file, lab.dashboard_here))
    return code


def destroy(args: argparse.Namespace) -> int:
    """Remove the lab."""
    Lab.load(args.name).destroy()
    return 0


def status(args: argparse.Namespace) -> int:
    """Show the hosts and who holds the VIP."""
    lab = Lab.load(args.name)
    console.print(summary.status(lab.hosts(), lab.inventory["vip"]["address"]))
    return 0


def shell(args: argparse.Namespace) -> int:
    """Open a shell on a host."""
    Lab.load(args.name).node(args.node).shell()
    return 0


def run(args: argparse.Namespace) -> int:
    """Run a command on a host."""
    done = Lab.load(args.name).node(args.node).run(args.command)
    sys.stdout.write(done.out)
    sys.stderr.write(done.err)
    return done.rc


def logs(args: argparse.Namespace) -> int:
    """Show a host's journal of this boot."""
    unit = [f"--unit={args.unit}"] if args.unit else []
    argv = ["journalctl", "--boot", "--no-pager", f"--lines={args.lines}", *unit]
    sys.stdout.write(Lab.load(args.name).node(args.node).check(argv))
    return 0


def run_highstate(args: argparse.Namespace) -> int:
    """Run the highstate, or show what it would do."""
    return _highstate(Lab.load(args.name), args.target, args.test)


def act(args: argparse.Namespace) -> int:
    """Kill, stop, boot or heal a host."""
    node = Lab.load(args.name).node(args.node)
    getattr(node, args.verb)()
    if args.verb == "boot":
        node.wait_booted()
    return 0


def partition(args: argparse.Namespace) -> int:
    """Cut a host off from others."""
    peers = args.peers.split(",") if args.peers else None
    Lab.load(args.name).node(args.node).partition(peers)
    return 0


def image(args: argparse.Namespace) -> int:
    """Print the tag of an image, which is built when it is missing."""
    images = Images(engine.connect(), lambda line: errors.print(line, markup=False, style="dim"))
    print(getattr(images, args.image)())
    return 0


def run_tier(args: argparse.Namespace) -> int:
    """Run a test tier in a host of its own that is thrown away."""
    return tier.run(args.tier, args.arguments, say, args.name)


def _highstate(lab: Lab, target: str, test: bool) -> int:
    returns = lab.highstate(test, target, console)
    expected = lab.nodes if target == "*" else ()
    for minion, names in highstate.changes(returns).items():
        console.print(f"{minion}: {len(names)} states {'would change' if test else 'changed'}")
    failed = highstate.failures(returns, expected)
    for minion, comments in failed.items():
        for comment in comments:
            console.print(f"{minion}: {comment}", style="red", markup=False)
    return 1 if failed else 0


def parser() -> argparse.ArgumentParser:
    """Return the command line's grammar."""
    top = argparse.ArgumentParser(prog="lab", description=__doc__)
    top.add_argument("--name", default=deployment.NAME, help="the lab (LAB_NAME)")
    verbs = top.add_subparsers(dest="verb", required=True)

    def verb(name, function):
        sub = verbs.add_parser(name, help=function.__doc__)
        sub.set_defaults(function=function)
        return sub

    creating = verb("up", up)
    creating.add_argument("--profile", default="core", choices=sorted(cluster.PROFILES))
    creating.add_argument("--cold", action="store_true", help="nodes without baked packages")
    creating.add_argument("--cluster", type=Path, default=deployment.SOURCE, help="LAB_CLUSTER")
    verb("destroy", destroy)
    verb("status", status)
    running = verb("highstate", run_highstate)
    running.add_argument("--test", action="store_true", help="only show what would be done")
    running.add_argument("--target", default="*", help="a glob, or ids with commas")
    for name in ("kill", "stop", "boot", "heal"):
        verb(name, act).add_argument("node")
    cutting = verb("partition", partition)
    cutting.add_argument("node")
    cutting.add_argument("--from", dest="peers", metavar="NODES", help="ids with commas")
    verb("shell", shell).add_argument("node")
    commanding = verb("run", run)
    commanding.add_argument("node")
    commanding.add_argument("command", nargs=argparse.REMAINDER)
    showing = verb("logs", logs)
    showing.add_argument("node")
    showing.add_argument("unit", nargs="?")
    showing.add_argument("--lines", type=int, default=200)
    verb("image", image).add_argument("image", choices=IMAGES)
    testing = verb("tier", run_tier)
    testing.add_argument("tier", choices=("functional", "cluster"))
    testing.add_argument("arguments", nargs=argparse.REMAINDER, help="pytest's")
    return top


def main(argv: list[str] | None = None) -> int:
    """Run one command; say an error of the lab in one message."""
    args = parser().parse_args(argv)
    try:
        return args.function(args)
    except LabError as exc:
        errors.print(str(exc), style="red", markup=False)
        return 1


if __name__ == "__main__":
    sys.exit(main())
