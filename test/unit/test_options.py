"""What the services' configuration files have in common."""

import jinja2
import openstack_ha_options as options
import pytest
from support import ROOT


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


@pytest.mark.parametrize(
    ("value", "printed"),
    [
        ("text", "text"),
        (True, "True"),
        (0.25, "0.25"),
        ("", ""),
        (options.secret("a"), "<a>"),
        (options.secret("a", "by ", "@x"), "by <a>@x"),
        ([*options.secret("a", "by "), ",", *options.secret("b:c"), "/"], "by <a>,<b:c>/"),
    ],
)
def test_a_file_is_printed_with_its_secrets(value, printed):
    template = (ROOT / "openstack_ha/files/options.ini.jinja").read_text(encoding="utf-8")
    text = jinja2.Template(template).render(
        system="x",
        file={"one": {"key": value, "next": 1}},
        salt={"openstack_ha.secret": lambda path: f"<{path}>"},
    )
    assert text.splitlines()[1:] == ["", "[one]", f"key = {printed}", "next = 1"]
