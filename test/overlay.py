"""
Systems that are no part of the formula, as whoever adds one would write them: test/trial/.

A folder there has the new files at their places in the formula, and ``edits.yaml`` with what they
ask of files that are there: a list of ``{file, after, lines}``, where ``after`` is a line.
"""

import contextlib
import importlib
import pathlib
import shutil
import sys

import yaml
from support import FORMULA, ROOT

TRIALS = ROOT / "test/trial"
EDITS = "edits.yaml"


def new_files(name):
    """Return the paths of a trial's own files, below the formula."""
    folder = TRIALS / name
    found = [path.relative_to(folder) for path in folder.rglob("*") if path.is_file()]
    return sorted(str(path) for path in found if path.name != EDITS)


def edits(name):
    """Return what a trial asks of files that are there."""
    return yaml.safe_load((TRIALS / name / EDITS).read_text(encoding="utf-8"))


def places(name):
    """Return every place that a trial touches, by its file: a new one, or lines in another."""
    return [*new_files(name), *(one["file"] for one in edits(name))]


def formula_with(name, folder):
    """Make a folder that holds the formula and a trial, and nothing else; return it."""
    for one in FORMULA:
        shutil.copytree(
            ROOT / one, folder / one, ignore=shutil.ignore_patterns("__pycache__"), symlinks=True
        )
    for path in new_files(name):
        target = folder / path
        assert not target.exists(), f"{path} is there already"
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(TRIALS / name / path, target)
    for edit in edits(name):
        target = folder / edit["file"]
        text = target.read_text(encoding="utf-8")
        line = f"{edit['after']}\n"
        assert text.count(line) == 1, f"{edit['file']} has {text.count(line)} times {line!r}"
        target.write_text(text.replace(line, f"{line}{edit['lines'].rstrip()}\n"), encoding="utf-8")
    return folder


def put_first(folder):
    """Have this process, and those that it starts, import the utils of a formula in a folder."""
    own = str(pathlib.Path(folder) / "_utils")
    sys.path[:] = [own, *(path for path in sys.path if path != own)]
    for name in [one for one in sys.modules if one.startswith("openstack_ha")]:
        del sys.modules[name]


@contextlib.contextmanager
def utils_of(folder):
    """Import the utils of a formula in a folder for a while; what was imported then stays so."""
    path, modules = list(sys.path), dict(sys.modules)
    put_first(folder)
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path[:] = path
        for name in [one for one in sys.modules if one.startswith("openstack_ha")]:
            del sys.modules[name]
        sys.modules.update({one: modules[one] for one in modules if one.startswith("openstack_ha")})
