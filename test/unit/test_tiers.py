"""What is told of a run, from reports that pytest has written."""

import sys

import pytest
import tiers

FILE = """
import pytest

def test_well(record_property):
    record_property("figure gap", "1.2 s")

@pytest.mark.parametrize("word", ["a b"])
def test_badly(word):
    assert word == "c", "the word\\nis another"

def test_not_here():
    pytest.skip("another day")

@pytest.fixture
def broken():
    raise RuntimeError("no host")

@pytest.fixture
def messy():
    yield
    raise RuntimeError("a host is left")

class TestTogether:
    def test_on_nothing(self, broken):
        pass

    def test_twice_bad(self, messy):
        raise ValueError("first")
"""


@pytest.fixture(autouse=True)
def results(tmp_path, monkeypatch):
    monkeypatch.setattr(tiers, "RESULTS", tmp_path / "results")
    # pytest alone, which is quick.
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    return tiers.RESULTS


@pytest.fixture
def run(tmp_path, results):
    """Return a function that runs a tier by pytest, of a file with a text."""

    def of(tier, text):
        path = tmp_path / f"test_{tier.replace('.', '_')}.py"
        path.write_text(text, encoding="utf-8")
        argv = [
            sys.executable,
            "-m",
            "pytest",
            "-p",
            "no:cacheprovider",
            "-o",
            "junit_family=xunit1",
        ]
        argv += [f"--rootdir={tmp_path}", f"--junitxml={results / tier}.xml", str(path)]
        return tiers.run(tier, argv)

    return of


def test_tests_are_told_by_the_id_that_pytest_takes(run):
    assert run("own", FILE) == 1
    found = {test["id"]: test for test in tiers.outcome("own")["tests"]}
    kinds = {name: test["kind"] for name, test in found.items()}
    assert kinds == {
        "test_own.py::test_well": "passed",
        "test_own.py::test_badly[a b]": "failed",
        "test_own.py::test_not_here": "skipped",
        "test_own.py::TestTogether::test_on_nothing": "failed",
        "test_own.py::TestTogether::test_twice_bad": "failed",
    }
    assert found["test_own.py::test_badly[a b]"]["error"] == "AssertionError: the word"
    assert "no host" in found["test_own.py::TestTogether::test_on_nothing"]["error"]
    assert "first" in found["test_own.py::TestTogether::test_twice_bad"]["error"]
    assert ("figure gap", "1.2 s") in found["test_own.py::test_well"]["properties"]


def test_a_red_run_ends_with_what_failed_and_the_count(run):
    run("good", "def test_one():\n    pass\n")
    run("own", FILE)
    lines = tiers.report().splitlines()
    assert lines[0].split() == ["tier", "time", "passed", "failed", "skipped"]
    assert lines[1].split()[:1] + lines[1].split()[2:] == ["good", "1", "0", "0"]
    assert lines[2].split()[:1] + lines[2].split()[2:] == ["own", "1", "3", "1", "red"]
    assert "slowest of own" in lines
    failed = lines[lines.index("failed") :]
    assert len(failed) <= 10
    assert failed[1] == "  test_own.py::test_badly[a b]: AssertionError: the word"
    assert lines[-1] == "2 passed, 3 failed"


def test_a_green_run_tells_of_no_failure(run):
    assert run("good", "def test_one():\n    pass\n") == 0
    assert "failed" not in tiers.report().splitlines()
    assert tiers.count() == "1 passed, 0 failed"


def test_many_failures_are_told_in_ten_lines(run):
    run(
        "many",
        "import pytest\n@pytest.mark.parametrize('n', range(30))\ndef test(n):\n    assert 0\n",
    )
    lines = tiers.report().splitlines()
    assert len(lines[lines.index("failed") : -2]) <= 10
    assert any("and 22 more" in line for line in lines)


def test_a_red_command_without_tests_is_a_failure_too():
    command = [sys.executable, "-c", "raise SystemExit(3)"]
    assert tiers.run("lint", command) == 3
    lines = tiers.report().splitlines()
    assert f"  lint: ended with 3: {' '.join(command)}" in lines
    assert lines[-1] == "0 passed, 1 failed"


def test_a_run_forgets_the_one_before_and_ends_with_its_report(run, results, capfd):
    run("own", FILE)
    program = f"import tiers, pathlib; tiers.RESULTS = pathlib.Path({str(results)!r}); "
    program += "tiers.run('new', ['true'])"
    command = ["env", f"PYTHONPATH={tiers.ROOT / 'test'}", sys.executable, "-c", program]
    assert tiers.whole(command) == 0
    assert list(tiers.outcomes()) == ["new"]
    assert capfd.readouterr().out.splitlines()[-1] == "0 passed, 0 failed"


def test_a_run_that_ends_before_any_tier_is_red(capfd):
    assert tiers.whole(["false"]) == 1
    assert capfd.readouterr().out.splitlines()[-1] == "0 passed, 1 failed"


def test_a_report_of_the_run_before_is_not_taken_for_this_ones(run):
    run("own", FILE)
    assert tiers.run("own", ["false"]) == 1
    assert tiers.outcome("own")["tests"] == []


def test_a_tiers_reports_are_those_of_all_its_hosts_and_no_other_tiers(run, results):
    run("cluster-long", "def test_other():\n    pass\n")
    for part in ("cluster", "cluster.solo", "cluster.demo"):
        run(part, f"def test_{part[-4:]}():\n    pass\n")
    assert len(tiers.reports("cluster")) == 3
    names = [test["id"].rpartition("::")[2] for test in tiers.outcome("cluster")["tests"]]
    assert names == ["test_demo", "test_solo", "test_ster"]
