"""What the services' configuration files have in common."""

import openstack_ha_options as options
import pytest


@pytest.mark.parametrize(
    ("chosen", "cores", "expected"),
    [("auto", 1, 2), ("auto", 4, 4), ("auto", 64, 8), (1, 64, 1), (12, 2, 12)],
)
def test_processes_follow_cores_in_bounds_or_are_as_chosen(chosen, cores, expected):
    assert options.processes(chosen, cores) == expected


def test_the_pillars_options_are_over_the_formulas():
    file = {"a": {"x": 1, "y": 2}, "b": {"z": 3}}
    found = options.merged(file, {"a": {"y": 5, "n": 6}, "c": {"q": 7}})
    assert found == {"a": {"x": 1, "y": 5, "n": 6}, "b": {"z": 3}, "c": {"q": 7}}
    assert list(found) == ["a", "b", "c"]
    assert file["a"] == {"x": 1, "y": 2}
