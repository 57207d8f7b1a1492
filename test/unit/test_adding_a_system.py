"""docs/adding-a-system.md: its lists of places are those that the trials touch."""

import re

import pytest
from overlay import TRIALS, edits, new_files, places
from support import FORMULA, ROOT

TEXT = (ROOT / "docs/adding-a-system.md").read_text(encoding="utf-8")
PLACE = re.compile(r"^\| (\d+) \| `([^`]+)` \| .+ \| `([^`]+)` \|$", re.MULTILINE)
NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
# Section, trial, and how the trial calls its system.
KINDS = [("An API service", "service", "notes"), ("A clustered system", "lighthouse", "lighthouse")]


def section(title):
    return TEXT.split(f"## {title}\n", 1)[1].split("\n## ", 1)[0]


def listed(title):
    """Number, place and real file of each row."""
    return [(int(number), *row) for number, *row in PLACE.findall(section(title))]


@pytest.mark.parametrize(("title", "trial", "name"), KINDS)
def test_the_places_are_those_that_the_trial_touches(title, trial, name):
    rows = listed(title)
    assert [number for number, _, _ in rows] == list(range(1, len(rows) + 1))
    assert sorted(place.replace("<name>", name) for _, place, _ in rows) == sorted(places(trial))


def test_an_api_service_takes_as_many_edits_as_are_told():
    (told,) = re.findall(r"(\w+) edits", section("An API service"))
    count = len(new_files("service")) + len(edits("service"))
    assert (NUMBERS.index(told.lower()), count) == (5, 5)


def test_a_clustered_system_is_as_short_as_is_told():
    (told,) = re.findall(r"with (\d+) lines of rule", section("A clustered system"))
    rule = TRIALS / "lighthouse/_utils/openstack_ha_lighthouse_rule.py"
    assert len(rule.read_text(encoding="utf-8").splitlines()) == int(told)


@pytest.mark.parametrize("trial", ["service", "lighthouse"])
def test_an_edit_adds_lines_and_a_trial_stays_within_the_formula(trial):
    assert {path.partition("/")[0] for path in places(trial)} <= set(FORMULA)
    for edit in edits(trial):
        assert set(edit) == {"file", "after", "lines"}


def test_every_file_that_is_named_exists():
    named = {one for one in re.findall(r"`([^`\s<>]+/[^`\s<>]+)`", TEXT) if "doorbell" not in one}
    named |= set(re.findall(r"`([a-z_]+\.example)`", TEXT))
    assert len(named) > 20
    assert [one for one in sorted(named) if not (ROOT / one).exists()] == []


@pytest.mark.parametrize(("title", "name"), [("An API service", "glance")])
def test_the_real_system_has_every_place(title, name):
    for _, place, real in listed(title):
        assert place.replace("<name>", name) == real
