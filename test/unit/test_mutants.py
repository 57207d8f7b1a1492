"""The list of deliberate faults stays true: what it replaces is there, and each kind is in it."""

import collections
import importlib.util

import pytest
from support import ROOT

SPEC = importlib.util.spec_from_file_location("mutants", ROOT / "test/mutants/run.py")
runner = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(runner)

MUTANTS = runner.mutants()
SYSTEMS = {
    "cluster",
    "db_sync",
    "galera",
    "glance",
    "guard",
    "haproxy",
    "health",
    "horizon",
    "identity",
    "keepalived",
    "keystone",
    "left",
    "master",
    "memcached",
    "nova",
    "nova_network",
    "placement",
    "rabbitmq",
    "rejoin",
    "status",
    "swift",
    "turn",
    "wheels",
}
# Faults that no test noticed once.
UNNOTICED = {
    "a broker joins without a majority",
    "a forgotten broker rejoins without a majority",
    "a minority forgets a wiped broker",
    "a restart without its turn",
    "a changed keystone.conf is not read",
    "any node's seal",
    "any old question's seal",
    "keepalived preempts",
    "keys are written in reverse order",
    "no second look before a bootstrap",
    "no server state over a reload",
    "the bootstrap flag is not unset",
    "the check socket is an admin socket",
}


def test_each_fault_is_one_and_is_in_the_product():
    for one in MUTANTS:
        text = (ROOT / one.file).read_text(encoding="utf-8")
        assert runner.mutated(text, one) != text, one
        assert one.tier in runner.TIERS, one
        assert not one.file.startswith(("test/", "lab/", "bench/")), one
        assert [test for test in one.tests if not (ROOT / test).is_file()] == [], one


def test_every_system_is_there_and_what_nobody_noticed():
    assert len(MUTANTS) >= 60
    assert {one.system for one in MUTANTS} == SYSTEMS
    assert {one.why for one in MUTANTS} >= UNNOTICED
    names = collections.Counter((one.system, one.why) for one in MUTANTS)
    assert [name for name, count in names.items() if count > 1] == []


@pytest.mark.parametrize("text", ["no such text", "the"])
def test_a_text_that_is_not_there_once_names_its_fault(text):
    one = runner.Mutant("x", "README.md", text, "", "it is gone", "unit", [])
    with pytest.raises(ValueError, match="x: it is gone: its text is"):
        runner.mutated((ROOT / "README.md").read_text(encoding="utf-8"), one)


def test_a_survivor_is_told_and_counted():
    one, other = MUTANTS[:2]
    lines = runner.table({one: "test/unit/x.py::test", other: None})
    assert lines[-1] == f"survives: {other.system}: {other.why}"
    assert lines[-2].split() == ["all", "2", "1"]
