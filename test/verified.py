"""
What the long tests have shown, of which commit, and where: docs/verified.md.

    python test/verified.py run TARGET COMMAND...   a long target, whose outcome is written down
    python test/verified.py refresh                 write the page anew, with what is old by now
    python test/verified.py old                     name the targets that are

test/long.yaml says what each target looks at, docs/verified.json has the outcome of its last run.
Figures are what its tests hand to the fixture `figure`, and the lines that its command writes to
the file $FIGURES.
"""

import argparse
import datetime
import hashlib
import importlib.metadata
import json
import os
import pathlib
import platform
import random
import subprocess
import sys

import tiers
import yaml

ROOT = tiers.ROOT
TARGETS = ROOT / "test/long.yaml"
OUTCOMES = ROOT / "docs/verified.json"
PAGE = ROOT / "docs/verified.md"
SEEDS = ("LAB_SEED", "MACHINE_SEED")
HEAD = """# Verified

What `make test-long` has shown, written by each of its targets when it ends. A target is old when
the files of a system that it looks at are others than they were; `make verified` brings the marks
up to date. [CONTRIBUTING.md](../CONTRIBUTING.md) says when which target has to be run.

| target | what | outcome | state | commit | date (UTC) | time |
|---|---|---|---|---|---|---|
"""


def targets():
    """Return the long targets: what each is, and the systems and other files that it looks at."""
    return yaml.safe_load(TARGETS.read_text(encoding="utf-8"))


def outcomes():
    """Return the outcome of each target's last run."""
    return json.loads(OUTCOMES.read_text(encoding="utf-8")) if OUTCOMES.exists() else {}


def globs(system):
    """Return where a system's files are: each layer names them alike."""
    layers = ("_modules", "_runners", "_states", "_utils", "_output", "_pillar")
    python = [f"{layer}/openstack_ha_{system}{end}" for layer in layers for end in (".py", "_*.py")]
    return [f"openstack_ha/{system}/**/*", f"openstack_ha/{system}.sls", *python]


def digests(target):
    """Return a digest of the files of each system of a target, and of its other files."""
    parts = {system: globs(system) for system in target.get("systems", [])}
    if "files" in target:
        parts["its files"] = target["files"]
    return {name: digest(paths) for name, paths in parts.items()}


def files(paths):
    """Return the files of the repository that match some globs, by their names from its root."""
    found = {one for path in paths for one in ROOT.glob(path) if one.is_file()}
    return sorted(str(one.relative_to(ROOT)) for one in found if "__pycache__" not in one.parts)


def digest(paths):
    """Return a digest of the names and the content of files."""
    found = hashlib.sha256()
    for name in files(paths):
        for part in (name.encode(), (ROOT / name).read_bytes()):
            found.update(len(part).to_bytes(8, "big") + part)
    return found.hexdigest()[:12]


def state(target, last):
    """Return whether a target's last run holds for the files of today, or why it does not."""
    if not last:
        return "not run yet"
    if not last["is_green"]:
        return "red"
    today = digests(target)
    old = [name for name, found in today.items() if last["files"].get(name) != found]
    return f"old: {', '.join(old)}" if old else "current"


def page(found, last, states):
    """Return docs/verified.md."""
    rows, parts = [], []
    for name, target in found.items():
        one = last.get(name)
        cells = [f"`{name}`", target["what"]]
        if one:
            cells += [one["outcome"], states[name], one["commit"], one["date"], one["time"]]
            parts.append(_section(name, one))
        else:
            cells += ["", states[name], "", "", ""]
        rows.append("| " + " | ".join(cells) + " |")
    return "\n".join([HEAD + "\n".join(rows), *parts]) + "\n"


def _section(name, one):
    lines = ["", f"## {name}", "", f"{one['machine']}. {one['seed']}."]
    if one["figures"]:
        lines += ["", "```", *one["figures"], "```"]
    return "\n".join(lines)


def refresh():
    """Write the page anew."""
    found, last = targets(), outcomes()
    states = {name: state(target, last.get(name)) for name, target in found.items()}
    PAGE.write_text(page(found, last, states), encoding="utf-8")


def old():
    """Return the targets whose last run does not hold any more, each with why."""
    last = outcomes()
    states = {name: state(target, last.get(name)) for name, target in targets().items()}
    return {name: why for name, why in states.items() if why != "current"}


def run(name, command):
    """Run a long target's command, write its outcome down, return its exit code."""
    found = targets()
    if name not in found:
        sys.exit(f"{TARGETS} does not say what `{name}` looks at: add it there")
    # What is edited during the run is not what ran.
    before, commit = digests(found[name]), _commit()
    for seed in SEEDS:
        os.environ.setdefault(seed, str(random.randrange(10**6)))
    figures = tiers.RESULTS / f"{name}.figures"
    figures.unlink(missing_ok=True)
    os.environ["FIGURES"] = str(figures)
    code = tiers.run(name, command)
    last = outcomes()
    last[name] = {
        "is_green": code == 0,
        "outcome": verdict({name: tiers.outcome(name)}, code),
        "commit": commit,
        "date": f"{datetime.datetime.now(datetime.timezone.utc):%Y-%m-%d %H:%M}",
        "time": tiers.clock(tiers.outcome(name)["seconds"]),
        "machine": machine(),
        "seed": ", ".join(f"{seed}={os.environ[seed]}" for seed in SEEDS),
        "figures": figures_of(tiers.outcome(name)["tests"], figures),
        "files": before,
    }
    text = json.dumps(last, indent=1, sort_keys=True, ensure_ascii=False)
    OUTCOMES.write_text(text + "\n", encoding="utf-8")
    refresh()
    return code


def verdict(found, code):
    """Return an outcome in words."""
    if not any(one["tests"] for one in found.values()):
        return f"failed with {code}" if code else "passed"
    return f"{tiers.total(found, 'passed')} passed, {tiers.total(found, 'failed')} failed"


def figures_of(tests, path):
    """Return the lines that a run has handed over: its tests' figures, and those of a file."""
    told = [
        f"{name.removeprefix(tiers.FIGURE)}: {value}"
        for test in tests
        for name, value in test["properties"]
        if name.startswith(tiers.FIGURE)
    ]
    return told + (path.read_text(encoding="utf-8").splitlines() if path.exists() else [])


def machine():
    """Return what the run had: cores, memory, kernel, Debian, Salt."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    debian = pathlib.Path("/etc/debian_version")
    return ", ".join(
        [
            f"{os.cpu_count()} cores, {memory:.0f} GB",
            f"Linux {'.'.join(platform.release().split('.')[:2])}",
            f"Debian {debian.read_text(encoding='utf-8').strip()}"
            if debian.exists()
            else "no Debian",
            f"Salt {importlib.metadata.version('salt')}",
        ]
    )


def _commit():
    """Return the commit, and whether the tree differs from it in more than this page."""
    changed = _git("status", "--porcelain", "--", ".", ":(exclude)docs/verified.*")
    return _git("rev-parse", "--short=10", "HEAD").strip() + ("+changes" if changed else "")


def _git(*argv):
    done = subprocess.run(["git", *argv], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout


def main(argv):
    """Run one command."""
    top = argparse.ArgumentParser(prog="verified", description=__doc__.strip().splitlines()[0])
    verbs = top.add_subparsers(dest="verb", required=True)
    running = verbs.add_parser("run")
    running.add_argument("target")
    running.add_argument("command", nargs=argparse.REMAINDER)
    verbs.add_parser("refresh")
    verbs.add_parser("old")
    args = top.parse_args(argv)
    if args.verb == "run":
        return run(args.target, args.command)
    if args.verb == "refresh":
        refresh()
    for name, why in old().items():
        print(f"{name:<16} {why}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
