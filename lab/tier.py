"""A test tier that changes its host, run in hosts of its own that are thrown away."""

from __future__ import annotations

import concurrent.futures
import contextlib
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TextIO

from docker.errors import APIError

from . import engine, evidence, network
from .cluster import ROOT
from .deployment import Lab
from .errors import LabError
from .host import Host, Plan
from .images import Images, Say
from .waiting import PATIENCE, wait_for

REPOSITORY = "/srv/repository"
PYTEST = "/opt/salt/bin/pytest"
# What the tiers look for before they change anything.
MARKS = ("OPENSTACK_HA_DISPOSABLE_HOST=1", "PYTHONDONTWRITEBYTECODE=1", "PYTHONUNBUFFERED=1")
OPTIONS = ("--workdir", REPOSITORY, *(f"--env={mark}" for mark in MARKS))
# Beside the lab's own network, so that all can be there at once; the next free one if it is taken.
CIDRS = {"functional": "172.29.81.0/24", "cluster": "172.29.82.0/24"}
FIRST_HOST = 11
# Parts that run at the same time on this machine, of whichever tier; more of them answer later than
# what they ask waits for, which is ten seconds for a node that the master asks.
AT_ONCE = 2 * os.cpu_count()
# What failed runs leave; a run begins with none of its own.
EVIDENCE = ROOT / "test/.evidence"
# Where pytest writes its report in a host, in which the repository is read-only.
REPORT = "/tmp/junit.xml"
REPORT_OPTION = "--junitxml="
# Held by whoever runs a tier under a name, and by each part that runs; the kernel gives it back,
# however the run ended.
LOCKS = Path("/run/lock")
# Pytest's word for a part in which everything was left out, by a mark for example.
NOTHING = 5


def run(tier: str, arguments: Sequence[str], say: Say, lab: str) -> int:
    """
    Run a tier's tests by pytest in fresh hosts, show what it prints, return its exit code.

    Folders of the tier that hold tests are its parts; each has a host of its own, and several run
    at the same time. Arguments are pytest's; files of the tier among them are run alone. What is
    marked `long` is left out unless they say otherwise (`-m long`). `--junitxml=a/b.xml` gives a
    report of each part, `a/b.<part>.xml`.
    """
    name = f"{lab}-{tier}"
    parts = {part: own for part in parts_of(tier) if (own := tests_of(part, arguments))}
    if not parts:
        raise LabError(f"None of {' '.join(arguments)} is a test of {tier}: test/{tier}")
    others = [one for one in arguments if not _is_test(one)]
    # Who ends a run early has its hosts removed, too.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with alone(name):
        shutil.rmtree(EVIDENCE / name, ignore_errors=True)
        # What a run left whose machine lost its power.
        Lab.remove(name)
        return _run_parts(
            name, CIDRS[tier], {part: [*tests, *others] for part, tests in parts.items()}, say
        )


@contextlib.contextmanager
def alone(name: str) -> Iterator[None]:
    """
    Hold a name for one run, and with it every container and network of that name.

    Raises LabError where another run has it.
    """
    with (LOCKS / f"{name}.lock").open("w") as held:
        if not _is_taken(held):
            raise LabError(
                f"{name!r} runs already on this machine; LAB_NAME=<another> runs beside it"
            )
        yield


@contextlib.contextmanager
def turn() -> Iterator[None]:
    """Hold one of the machine's turns, of which each part that runs has one."""
    with contextlib.ExitStack() as files:
        turns = [
            files.enter_context((LOCKS / f"openstack-ha-turn-{number}.lock").open("w"))
            for number in range(AT_ONCE)
        ]
        wait_for(lambda: any(_is_taken(one) for one in turns), PATIENCE, "a turn", pause=1)
        yield


def _is_taken(lock: TextIO) -> bool:
    """Take a lock if it is free; return whether it was."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def parts_of(tier: str) -> list[str]:
    """Return the folders of a tier that hold tests, each of which is a part of it."""
    folders = {path.parent for path in (ROOT / "test" / tier).rglob("test_*.py")}
    return sorted(str(folder.relative_to(ROOT)) for folder in folders)


def tests_of(part: str, arguments: Sequence[str]) -> list[str]:
    """Return which of pytest's arguments are tests of a part; all of it where none names a path."""
    chosen = [one for one in arguments if _is_test(one)]
    folder = ROOT / part
    own = [one for one in chosen if folder in (_path(one), *_path(one).parents)]
    above = [one for one in chosen if _path(one) in folder.parents]
    return own or ([part] if above or not chosen else [])


def worst(codes: Sequence[int]) -> int:
    """Return the exit code of all parts: a part without tests is none, unless all are."""
    told = [code for code in codes if code != NOTHING]
    return max(told) if told else NOTHING


def reporting(arguments: Sequence[str], part: str) -> tuple[list[str], Path | None]:
    """Return pytest's arguments as they are in a host, and where its report goes from there."""
    inner, report = [], None
    for one in arguments:
        if one.startswith(REPORT_OPTION):
            report = Path(one.removeprefix(REPORT_OPTION)).with_suffix(f".{part}.xml")
            inner.append(REPORT_OPTION + REPORT)
        else:
            inner.append(one)
    return inner, report


def _is_test(argument: str) -> bool:
    return argument.startswith("test/") and _path(argument).exists()


def _path(argument: str) -> Path:
    return ROOT / argument.partition("::")[0]


def _run_parts(name: str, cidr: str, parts: Mapping[str, Sequence[str]], say: Say) -> int:
    """Run pytest with its arguments for each part, and remove what ran it."""
    client = engine.connect()
    image = Images(client, say).tests()
    bridge = network.claim(client, name, cidr)
    hosts: list[Host] = []
    try:
        (cidr,) = network.subnets(bridge)
        with concurrent.futures.ThreadPoolExecutor(len(parts)) as pool:
            ends = []
            for number, (part, arguments) in enumerate(parts.items(), FIRST_HOST):
                plan = Plan(
                    kind="tests",
                    id=Path(part).name,
                    hostname="ctl1",
                    address=network.address_of(cidr, number),
                    image=image,
                    mounts={str(ROOT): REPOSITORY},
                )
                hosts.append(Host.create(client, name, plan))
                ends.append(pool.submit(_run_part, hosts[-1], part, arguments, say))
            try:
                codes = [end.result() for end in ends]
            finally:
                for host in hosts:
                    _remove(host)
    finally:
        bridge.remove()
    return worst(codes)


def _run_part(host: Host, part: str, arguments: Sequence[str], say: Say) -> int:
    """Run tests of a part in its host when it is its turn, and remove the host."""
    try:
        with turn():
            host.boot()
            host.wait_booted()
            return _run_tests(host, part, arguments, say)
    finally:
        _remove(host)


def _run_tests(host: Host, part: str, arguments: Sequence[str], say: Say) -> int:
    """Run tests of a part in its host, show what is printed, and keep what the host has to tell."""
    begin = time.monotonic()
    inner, report = reporting(arguments, host.id)
    # By lines: what is said of one test is shown when it has ended.
    argv = [PYTEST, "--verbose", "-p", "no:cacheprovider", "-m", "not long", *inner]
    with subprocess.Popen(
        host.exec(argv, *OPTIONS), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as running:
        for line in running.stdout:
            sys.stdout.write(f"{host.id}: {line.decode(errors='replace')}")
            sys.stdout.flush()
    took = time.monotonic() - begin
    say(f"{part}: {took:.0f} s, {host.cpu_seconds():.0f} s of CPU")
    if report and (told := host.run(["cat", REPORT])).rc == 0:
        report.write_text(told.out, encoding="utf-8")
    if running.returncode not in (0, NOTHING):
        kept = EVIDENCE / host.lab / host.id
        evidence.collect(host, kept)
        say(f"{part}: what its host had to tell is in {kept.relative_to(ROOT)}")
    return running.returncode


def _remove(host: Host) -> None:
    """Remove it, unless that is done or under way."""
    with contextlib.suppress(APIError):
        host.container.remove(force=True, v=True)
