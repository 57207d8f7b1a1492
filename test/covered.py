"""
How much of the product the quick tiers execute, by lines and branches, as a table by folder.

    .venv/bin/python test/covered.py

Salt's loader executes copies of the modules, which count as the files they are copies of
(``tool.coverage.paths`` of pyproject.toml).
"""

import collections
import json
import os
import pathlib
import subprocess
import sys
import tempfile

from tiers import hand_over

ROOT = pathlib.Path(__file__).parents[1]
FOLDERS = ("_modules", "_states", "_runners", "_utils", "_pillar", "_output")
TIERS = ("test/unit", "test/render")


def measured(folder):
    """Run the tiers and return coverage's summary by file; the tests' exit status is first."""
    environment = {**os.environ, "COVERAGE_FILE": f"{folder}/coverage"}
    coverage = [sys.executable, "-m", "coverage"]

    def call(*arguments, check=True):
        done = subprocess.run([*coverage, *arguments], cwd=ROOT, env=environment, check=check)
        return done.returncode

    status = call("run", "-m", "pytest", "-q", *TIERS, check=False)
    call("combine", "--quiet")
    call("json", "--quiet", "-o", f"{folder}/coverage.json")
    found = json.loads(pathlib.Path(folder, "coverage.json").read_text(encoding="utf-8"))
    return status, {name: one["summary"] for name, one in found["files"].items()}


def table(files):
    """Return lines with what each folder has, and what is missed."""
    keys = ("num_statements", "covered_lines", "num_branches", "covered_branches")
    sums = collections.defaultdict(collections.Counter)
    for name, summary in files.items():
        folder = name.partition("/")[0]
        for one in (folder, "all"):
            sums[one].update({key: summary[key] for key in keys})
    lines = [f"{'folder':<12}{'lines':>8}{'covered':>9}{'branches':>10}{'covered':>9}"]
    for folder in (*FOLDERS, "all"):
        lines.append(_row(folder, *(sums[folder][key] for key in keys)))
    return lines


def _row(name, statements, lines, branches, taken):
    shares = [
        f"{100 * one / of:.0f} %" if of else "-"
        for one, of in ((lines, statements), (taken, branches))
    ]
    return f"{name:<12}{statements:>8}{shares[0]:>9}{branches:>10}{shares[1]:>9}"


def main():
    """Measure and print; return the exit status of the tests."""
    with tempfile.TemporaryDirectory(prefix="coverage-") as folder:
        status, files = measured(folder)
    missing = [str(one) for one in _product() if str(one) not in files]
    hand_over(table(files))
    if missing:
        hand_over([f"never executed: {', '.join(missing)}"])
    return status


def _product():
    for folder in FOLDERS:
        yield from (one.relative_to(ROOT) for one in sorted((ROOT / folder).glob("*.py")))


if __name__ == "__main__":
    sys.exit(main())
