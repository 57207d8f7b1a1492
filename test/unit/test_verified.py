"""docs/verified.md: who looks at what, what is old, and that each long target stands there."""

import re
import sys

import pytest
import tiers
import verified
import yaml
from support import ROOT

TARGETS = verified.targets()
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")


def test_each_long_target_of_the_makefile_says_what_it_looks_at():
    listed = re.search(r"LONG_TARGETS := ((?:.*\\\n)*.*)\n", MAKEFILE).group(1)
    assert listed.replace("\\", "").split() == list(TARGETS)


def test_each_long_target_has_a_row_of_as_many_cells_as_the_head():
    lines = verified.PAGE.read_text(encoding="utf-8").splitlines()
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines if line[:1] == "|"]
    assert [row[0].strip("`") for row in rows[2:]] == list(TARGETS)
    assert {len(row) for row in rows} == {7}
    assert all(row[3] for row in rows), "a row without a state"


def test_every_outcome_belongs_to_a_target():
    assert set(verified.outcomes()) <= set(TARGETS)


@pytest.mark.parametrize("name", TARGETS)
def test_the_systems_of_a_target_have_files(name):
    systems = TARGETS[name].get("systems", [])
    assert [system for system in systems if not verified.files(verified.globs(system))] == []


def test_each_system_is_looked_at_by_a_long_target():
    # Salt's own files, and those that are no system's.
    others = {"files", "orch", "parameters", "reactor"}
    systems = {path.name for path in (ROOT / "openstack_ha").iterdir() if path.is_dir()} - others
    assert (
        systems - {one for target in TARGETS.values() for one in target.get("systems", [])} == set()
    )


def test_the_table_of_contributing_is_that_of_the_targets():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `?(\w+)`? \| ((?:`[\w-]+`,? ?)+) \|$", text, re.MULTILINE)
    told = {system: set(re.findall(r"`([\w-]+)`", names)) for system, names in rows}
    wanted = {}
    for name, target in TARGETS.items():
        for system in target.get("systems", []):
            wanted.setdefault(system, set()).add(name)
    assert told == wanted


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A repository of its own with two systems and one long target."""
    for path, text in {
        ".gitignore": "/results/",
        "openstack_ha/galera/init.sls": "one",
        "_utils/openstack_ha_galera_election.py": "two",
        "_utils/openstack_ha_galerist.py": "no file of Galera's",
        "openstack_ha/swift.sls": "three",
        "test/long.yaml": yaml.safe_dump(
            {"trial": {"what": "a trial", "systems": ["galera", "swift"], "files": ["test/*.py"]}}
        ),
    }.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text, encoding="utf-8")
    (tmp_path / "docs").mkdir()
    for name in ("ROOT", "TARGETS", "OUTCOMES", "PAGE"):
        inside = getattr(verified, name).relative_to(ROOT)
        monkeypatch.setattr(verified, name, tmp_path / inside)
    monkeypatch.setattr(tiers, "RESULTS", tmp_path / "results")
    for seed, value in zip(verified.SEEDS, ("7", "8"), strict=True):
        monkeypatch.setenv(seed, value)
    monkeypatch.setenv("FIGURES", "")
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    verified._git("init", "--quiet")
    verified._git("add", ".")
    author = ("-c", "user.name=x", "-c", "user.email=x@example.org")
    verified._git(*author, "commit", "--quiet", "--message=first")
    return tmp_path


@pytest.fixture
def trial(repository):
    """Return a function that runs the target by a command of a shell."""

    def run(script="true"):
        return verified.run("trial", ["sh", "-c", script])

    return run


def row(repository):
    (line,) = [
        one for one in verified.PAGE.read_text(encoding="utf-8").splitlines() if "`trial`" in one
    ]
    return [cell.strip() for cell in line.split("|")[1:-1]]


def test_a_systems_files_are_those_of_its_name(repository):
    assert verified.files(verified.globs("galera")) == [
        "_utils/openstack_ha_galera_election.py",
        "openstack_ha/galera/init.sls",
    ]
    assert verified.files(verified.globs("swift")) == ["openstack_ha/swift.sls"]


def test_what_has_not_run_says_so(repository):
    verified.refresh()
    assert row(repository)[1:4] == ["a trial", "", "not run yet"]
    assert verified.old() == {"trial": "not run yet"}


def test_a_run_writes_down_what_it_came_to(repository, trial):
    assert trial('echo "longest gap  1.2 s" > "$FIGURES"') == 0
    commit = verified._git("rev-parse", "--short=10", "HEAD").strip()
    assert row(repository)[1:5] == ["a trial", "passed", "current", commit]
    text = verified.PAGE.read_text(encoding="utf-8")
    assert "longest gap  1.2 s" in text
    assert "LAB_SEED=7, MACHINE_SEED=8" in text
    assert "cores" in text
    assert verified.old() == {}


def test_the_last_run_replaces_the_one_before_red_or_not(repository, trial):
    trial("echo former > $FIGURES")
    assert trial("exit 4") == 4
    assert row(repository)[2:4] == ["failed with 4", "red"]
    assert verified.old() == {"trial": "red"}
    assert "former" not in verified.PAGE.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("openstack_ha/galera/init.sls", "old: galera"),
        ("_utils/openstack_ha_galera_new.py", "old: galera"),
        ("openstack_ha/swift.sls", "old: swift"),
        ("test/test_trial.py", "old: its files"),
    ],
)
def test_a_change_of_a_systems_files_makes_it_old(repository, trial, path, why):
    trial()
    (repository / path).write_text("changed", encoding="utf-8")
    verified.refresh()
    assert row(repository)[3] == why
    trial()
    assert row(repository)[3:5][0] == "current"
    assert row(repository)[4].endswith("+changes")


def test_another_systems_file_and_the_page_itself_make_nothing_old(repository, trial):
    trial()
    (repository / "_utils/openstack_ha_galerist.py").write_text("changed", encoding="utf-8")
    assert verified.old() == {}
    verified._git("checkout", "--quiet", ".")
    trial()
    assert not row(repository)[4].endswith("+changes")


def test_what_is_edited_during_a_run_is_not_what_ran(repository, trial):
    trial(f"echo changed > {repository}/openstack_ha/swift.sls")
    assert verified.old() == {"trial": "old: swift"}


def test_figures_are_those_of_the_tests_and_of_the_file(repository, tmp_path):
    path = tmp_path / "test_figure.py"
    path.write_text("def test(figure):\n    figure('gap of SQL', '1.2 s')\n", encoding="utf-8")
    argv = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "no:cacheprovider",
        f"-c={ROOT / 'pyproject.toml'}",
    ]
    argv += ["-p", "conftest", f"--junitxml={tiers.RESULTS / 'trial'}.xml", str(path)]
    assert verified.run("trial", ["env", f"PYTHONPATH={ROOT / 'test'}", *argv]) == 0
    assert row(repository)[2] == "1 passed, 0 failed"
    assert "gap of SQL: 1.2 s" in verified.PAGE.read_text(encoding="utf-8")


def test_a_target_that_nobody_knows_is_refused_before_it_runs(repository):
    with pytest.raises(SystemExit, match="other"):
        verified.run("other", ["false"])
