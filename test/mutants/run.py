"""
Deliberate faults in the product, one at a time: which test notices?

Each is data beside this file: ``text`` in ``file`` becomes ``replacement``, and the tier that is
named, or one of ``tests`` in it, must fail. A survivor is a defect of the tests.

    .venv/bin/python test/mutants/run.py
    .venv/bin/python test/mutants/run.py --tier unit --only galera
"""

import argparse
import collections
import concurrent.futures
import os
import pathlib
import queue
import re
import shutil
import subprocess
import sys
import tempfile

import yaml

ROOT = pathlib.Path(__file__).parents[2]
sys.path.append(str(ROOT / "test"))
from tiers import hand_over  # noqa: E402

FOLDER = pathlib.Path(__file__).parent
QUICK = ("unit", "render")
TIERS = (*QUICK, "functional", "cluster")
# Seconds for a tier; a fault that makes it hang is noticed by that.
TIMEOUT = 1800

Mutant = collections.namedtuple("Mutant", "system file text replacement why tier tests")


def mutants(folder=FOLDER):
    """Return all of them, in the order of their files."""
    found = []
    for path in sorted(folder.glob("*.yaml")):
        for one in yaml.safe_load(path.read_text(encoding="utf-8")):
            found.append(Mutant(path.stem, **{**one, "tests": tuple(one.get("tests", ()))}))
    return found


def mutated(text, mutant):
    """
    Return a file's text with the fault in it.

    Raises ValueError when what it replaces is not there exactly once.
    """
    count = text.count(mutant.text)
    if count != 1:
        raise ValueError(
            f"{mutant.system}: {mutant.why}: its text is {count} times in {mutant.file}"
        )
    return text.replace(mutant.text, mutant.replacement)


def copied(destination):
    """Copy what git knows, or would take, and link the virtual environment."""
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(listed, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for name in filter(None, names.split("\0")):
        if (ROOT / name).is_file():
            target = destination / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target)
    if not (destination / ".venv").exists():
        (destination / ".venv").symlink_to((ROOT / ".venv").resolve())
    return destination


def noticed(tree, mutant):
    """Return the test that notices a fault, None when none does."""
    path = tree / mutant.file
    before = path.read_text(encoding="utf-8")
    path.write_text(mutated(before, mutant), encoding="utf-8")
    try:
        chosen = [list(mutant.tests)] if mutant.tests else []
        if mutant.tier in QUICK:
            # The likely ones first.
            chosen += [[f"test/{mutant.tier}"]]
        elif not chosen:
            chosen = [[]]
        return next((who for tests in chosen if (who := _failed(tree, mutant.tier, tests))), None)
    finally:
        path.write_text(before, encoding="utf-8")


def _failed(tree, tier, tests):
    """The first test that fails, None when all pass."""
    python = [str(tree / ".venv/bin/python"), "-m"]
    if tier in QUICK:
        argv = [*python, "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests]
    else:
        argv = [*python, "lab", "tier", tier, *tests]
    # Without bytecode: a fault of the same length in the same second would not be compiled.
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        done = subprocess.run(
            argv,
            cwd=tree,
            env=environment,
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"no end within {TIMEOUT} s"
    if done.returncode == 0:
        return None
    found = re.findall(r"^(?:\w+: )?(?:FAILED|ERROR) (.+?)(?: - |$)", done.stdout, re.MULTILINE)
    if found:
        return found[0]
    # Neither good nor a failed test: no test has judged.
    raise RuntimeError(f"{' '.join(argv)}: {done.stdout[-2000:]}{done.stderr[-2000:]}")


def run(chosen, jobs):
    """Return who noticed each mutant, in their order; print it as it comes."""
    trees = queue.SimpleQueue()
    outcome = {}

    def judge(mutant):
        tree = trees.get()
        try:
            outcome[mutant] = noticed(tree, mutant)
        finally:
            trees.put(tree)
        who = outcome[mutant] or "NOBODY"
        print(f"{mutant.system}: {mutant.why}: {who}", flush=True)

    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        for number in range(jobs):
            trees.put(copied(pathlib.Path(folder, str(number))))
        quick = [one for one in chosen if one.tier in QUICK]
        with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
            # As a list, so that an error of any ends the run.
            list(pool.map(judge, quick))
        # A host of the lab at a time.
        for one in chosen:
            if one.tier not in QUICK:
                judge(one)
    return {one: outcome[one] for one in chosen}


def table(outcome):
    """Return the outcome by system and tier, and the survivors, as lines."""
    counts = collections.Counter((one.system, one.tier) for one in outcome)
    left = collections.Counter((one.system, one.tier) for one, who in outcome.items() if not who)
    lines = [f"{'system':<16}{'tier':<12}{'mutants':>8}{'survivors':>10}"]
    lines += [f"{s:<16}{t:<12}{counts[s, t]:>8}{left[s, t]:>10}" for s, t in sorted(counts)]
    lines.append(f"{'all':<28}{counts.total():>8}{left.total():>10}")
    lines += [f"survives: {one.system}: {one.why}" for one, who in outcome.items() if not who]
    return lines


def main(arguments=None):
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(description="Deliberate faults, and who notices them")
    parser.add_argument("--tier", choices=TIERS, action="append", help="only these")
    parser.add_argument("--only", help="what stands in a system's name or in the reason")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    options = parser.parse_args(arguments)
    every = mutants()
    for one in every:
        mutated((ROOT / one.file).read_text(encoding="utf-8"), one)
    chosen = [
        one
        for one in every
        if one.tier in (options.tier or TIERS)
        and (not options.only or options.only in f"{one.system} {one.why}")
    ]
    outcome = run(chosen, options.jobs)
    hand_over(table(outcome))
    return 0 if all(outcome.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
