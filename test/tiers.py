"""
What a run of the tests took, and what of it failed.

    python3 test/tiers.py whole COMMAND...      a run from its begin to the report at its end
    python3 test/tiers.py run TIER COMMAND...   one tier of it
    python3 test/tiers.py report                what the last run came to
    python3 test/tiers.py count                 that in one line

A tier leaves its outcome in test/.results/: how it ended (JSON), and pytest's own report where it
has one (JUnit's XML). It needs nothing but Python, so that it can tell of what failed early.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import time
from xml.etree import ElementTree

ROOT = pathlib.Path(__file__).parents[1]
RESULTS = ROOT / "test/.results"
EVIDENCE = ROOT / "test/.evidence"
BEGIN = "begin"
SLOWEST, FAILURES, WIDTH = 5, 8, 160
# What a test hands to the fixture `figure` is a property of this prefix in the report.
FIGURE = "figure "
KINDS = ("passed", "failed", "skipped")


def whole(command):
    """Run a command in which the tiers run, tell what came of them, return its exit code."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    for left in RESULTS.iterdir():
        left.unlink()
    begin = time.time()
    (RESULTS / BEGIN).write_text(str(begin), encoding="utf-8")
    code = _call(command)
    if code and not any(one["code"] for one in outcomes().values()):
        # What no tier tells of, as a package that cannot be installed.
        _keep("before", command, begin, code)
    print("\n" + report(), flush=True)
    return code


def run(tier, command):
    """Run a tier's command, keep how long it took and how it ended, return its exit code."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    for former in reports(tier):
        former.unlink()
    begin = time.time()
    code = _call(command)
    _keep(tier, command, begin, code)
    return code


def hand_over(lines):
    """Print what a command found, and keep it as the figures of the long run that it is part of."""
    text = "\n".join(lines)
    print(text)
    path = os.environ.get("FIGURES")
    if path:
        with open(path, "a", encoding="utf-8") as file:
            print(text, file=file)


def _keep(tier, command, begin, code):
    kept = {"begin": begin, "seconds": time.time() - begin, "code": code, "command": command}
    (RESULTS / f"{tier}.json").write_text(json.dumps(kept), encoding="utf-8")


def _call(command):
    # Make's job server is handed on by its open files.
    return subprocess.run(command, check=False, close_fds=False).returncode


def outcome(tier):
    """Return a tier's outcome: its code and seconds, and its tests from pytest's report."""
    found = json.loads((RESULTS / f"{tier}.json").read_text(encoding="utf-8"))
    found["tests"] = tests_of(reports(tier))
    return found


def reports(tier):
    """Return pytest's reports of a tier: one, or one a host."""
    return sorted([*RESULTS.glob(f"{tier}.xml"), *RESULTS.glob(f"{tier}.*.xml")])


def tests_of(junits):
    """
    Return the tests of JUnit reports of pytest's, each as it went.

    A test that fails and whose teardown fails too stands there twice, and is one failed test.
    """
    tests = {}
    for case in (one for junit in junits for one in ElementTree.parse(junit).iter("testcase")):
        bad = case.find("failure") if case.find("failure") is not None else case.find("error")
        if bad is not None:
            kind = "failed"
        else:
            kind = "passed" if case.find("skipped") is None else "skipped"
        test = {
            "id": _id(case),
            "seconds": float(case.get("time", 0)),
            "kind": kind,
            "error": _first_line(bad) if bad is not None else "",
            "properties": [(one.get("name"), one.get("value")) for one in case.iter("property")],
        }
        known = tests.setdefault(test["id"], test)
        if known is not test:
            known["seconds"] += test["seconds"]
            known["properties"] += test["properties"]
            if kind == "failed" and known["kind"] != "failed":
                known.update(kind=kind, error=test["error"])
    return list(tests.values())


def _id(case):
    """Return a test's id as pytest takes it: file, class if there is one, name."""
    file, names = case.get("file", ""), case.get("classname", "")
    module = file.removesuffix(".py").replace("/", ".")
    middle = names.removeprefix(module).strip(".") if file else names
    return "::".join(part for part in (file, middle, case.get("name")) if part)


def _first_line(bad):
    text = (bad.get("message") or "") + "\n" + (bad.text or "")
    return next((line.strip() for line in text.splitlines() if line.strip()), "without a word")


def outcomes():
    """Return the outcomes of a run by their tiers, in the order in which they began."""
    found = {path.stem: outcome(path.stem) for path in RESULTS.glob("*.json")}
    return dict(sorted(found.items(), key=lambda item: item[1]["begin"]))


def total(found, kind):
    """Return how many tests went so; a tier that is red without a test of its own is one."""
    count = sum(test["kind"] == kind for one in found.values() for test in one["tests"])
    return count + (len(wordless(found)) if kind == "failed" else 0)


def wordless(found):
    """Return the tiers that ended badly although none of their tests failed."""
    return {
        tier: one
        for tier, one in found.items()
        if one["code"] and all(test["kind"] != "failed" for test in one["tests"])
    }


def report():
    """Return what a run came to: time by tier, the slowest tests, what failed, the count."""
    found = outcomes()
    lines = [f"{'tier':<16}{'time':>8}" + "".join(f"{kind:>9}" for kind in KINDS)]
    for tier, one in found.items():
        counts = [sum(test["kind"] == kind for test in one["tests"]) for kind in KINDS]
        cells = "".join(f"{count if one['tests'] else '-':>9}" for count in counts)
        lines.append(f"{tier:<16}{clock(one['seconds']):>8}{cells}{'  red' if one['code'] else ''}")
    begin, end = _span(found)
    lines.append(f"{'all':<16}{clock(end - begin):>8}")
    for tier, one in found.items():
        slowest = sorted(one["tests"], key=lambda test: -test["seconds"])[:SLOWEST]
        if slowest:
            lines += ["", f"slowest of {tier}"]
        lines += [_cut(f"{test['seconds']:8.1f} s  {test['id']}") for test in slowest]
    lines += failures(found)
    return "\n".join([*lines, "", count()])


def failures(found):
    """Return what failed, in some ten lines: each test, the first line of its error, evidence."""
    told = [
        f"{test['id']}: {test['error']}"
        for one in found.values()
        for test in one["tests"]
        if test["kind"] == "failed"
    ]
    told += [
        f"{tier}: ended with {one['code']}: {' '.join(one['command'])}"
        for tier, one in wordless(found).items()
    ]
    if not told:
        return []
    lines = ["", "failed", *(_cut(f"  {line}") for line in told[:FAILURES])]
    if len(told) > FAILURES:
        lines.append(f"  and {len(told) - FAILURES} more: {RESULTS}/*.xml")
    begin, _ = _span(found)
    kept = [path for path in _folders(EVIDENCE) if path.stat().st_mtime >= begin]
    if kept:
        lines.append("  evidence: " + ", ".join(str(path.relative_to(ROOT)) for path in kept))
    return lines


def _folders(parent):
    return sorted(path for path in parent.glob("*") if path.is_dir())


def _span(found):
    """Return when a run began and when its last tier ended."""
    path = RESULTS / BEGIN
    begins = [float(path.read_text(encoding="utf-8"))] if path.exists() else []
    begins += [one["begin"] for one in found.values()]
    ends = [one["begin"] + one["seconds"] for one in found.values()]
    return min(begins, default=0), max(ends, default=min(begins, default=0))


def count():
    """Return a run's last line."""
    found = outcomes()
    return f"{total(found, 'passed')} passed, {total(found, 'failed')} failed"


def clock(seconds):
    """Return seconds as minutes and seconds."""
    return f"{round(seconds) // 60}:{round(seconds) % 60:02}"


def _cut(line):
    return line if len(line) <= WIDTH else line[: WIDTH - 3] + "..."


def main(argv):
    """Run one command."""
    top = argparse.ArgumentParser(prog="tiers", description=__doc__.strip().splitlines()[0])
    verbs = top.add_subparsers(dest="verb", required=True)
    verbs.add_parser("whole").add_argument("command", nargs=argparse.REMAINDER)
    running = verbs.add_parser("run")
    running.add_argument("tier")
    running.add_argument("command", nargs=argparse.REMAINDER)
    verbs.add_parser("report")
    verbs.add_parser("count")
    args = top.parse_args(argv)
    if args.verb == "whole":
        return whole(args.command)
    if args.verb == "run":
        return run(args.tier, args.command)
    print(report() if args.verb == "report" else count())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
