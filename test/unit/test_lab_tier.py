"""Which tests of a tier run on which host, and what becomes of their exit codes."""

from pathlib import Path

import pytest

from lab import tier
from lab.errors import LabError

CLUSTER = [f"test/cluster/{name}" for name in ("bare", "demo", "rings", "solo", "trial")]
FUNCTIONAL = [
    f"test/functional/{name}"
    for name in ("dashboard", "machines", "servers", "services", "storage", "trial")
]


def test_a_folder_with_tests_is_a_part():
    assert tier.parts_of("cluster") == CLUSTER
    assert tier.parts_of("functional") == FUNCTIONAL


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], [[part] for part in CLUSTER]),
        (["-k", "status", "-x"], [[part] for part in CLUSTER]),
        (["test/cluster"], [[part] for part in CLUSTER]),
        (["test/cluster/rings"], [[], [], ["test/cluster/rings"], [], []]),
        (
            ["-x", "test/cluster/solo/test_road.py"],
            [[], [], [], ["test/cluster/solo/test_road.py"], []],
        ),
        (
            ["test/cluster/rings/test_rings.py::test_x"],
            [[], [], [CLUSTER[2] + "/test_rings.py::test_x"], [], []],
        ),
    ],
)
def test_files_that_are_named_are_run_alone(arguments, expected):
    assert [tier.tests_of(part, arguments) for part in CLUSTER] == expected


@pytest.mark.parametrize(
    ("codes", "expected"), [([0, 0], 0), ([0, 5], 0), ([5, 5], 5), ([0, 1, 5], 1), ([2, 1], 2)]
)
def test_one_part_that_fails_fails_all(codes, expected):
    assert tier.worst(codes) == expected


def test_a_report_is_written_in_the_host_and_is_the_parts_own_outside():
    arguments = ["-x", "--junitxml=test/.results/cluster.xml", "-k", "name"]
    inner, report = tier.reporting(arguments, "solo")
    assert inner == ["-x", f"--junitxml={tier.REPORT}", "-k", "name"]
    assert report == Path("test/.results/cluster.solo.xml")
    assert tier.reporting(["-x"], "solo") == (["-x"], None)


def test_a_name_is_held_by_one_run_and_free_when_that_ended(monkeypatch, tmp_path):
    monkeypatch.setattr(tier, "LOCKS", tmp_path)
    with (
        tier.alone("a-tier"),
        tier.alone("another"),
        pytest.raises(LabError, match="'a-tier' runs already"),
        tier.alone("a-tier"),
    ):
        pass
    with tier.alone("a-tier"):
        pass


def test_as_many_parts_run_as_the_machine_has_turns(monkeypatch, tmp_path):
    monkeypatch.setattr(tier, "LOCKS", tmp_path)
    monkeypatch.setattr(tier, "AT_ONCE", 2)
    monkeypatch.setattr(tier, "PATIENCE", 0)
    with (
        tier.turn(),
        tier.turn(),
        pytest.raises(LabError, match="in vain for a turn"),
        tier.turn(),
    ):
        pass
    with tier.turn():
        pass
