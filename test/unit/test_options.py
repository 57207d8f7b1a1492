"""What the services' configuration files have in common."""

import openstack_ha_nova as nova
import openstack_ha_option_file as option_file
import openstack_ha_options as options
import pytest


@pytest.mark.parametrize(
    ("chosen", "cores", "expected"),
    [("auto", 1, 2), ("auto", 4, 4), ("auto", 64, 8), (1, 64, 1), (12, 2, 12)],
)
def test_processes_follow_cores_in_bounds_or_are_as_chosen(chosen, cores, expected):
    assert options.processes(chosen, cores) == expected


@pytest.mark.parametrize(
    ("own", "cores", "expected"),
    [
        ({"workers": "auto", "threads": 8}, 4, (4, 8)),
        ({"workers": "auto"}, 1, (4, 1)),
        ({"workers": "auto"}, 64, (16, 1)),
        ({"workers": 3}, 64, (3, 1)),
    ],
)
def test_a_service_without_threads_has_more_processes(own, cores, expected):
    assert options.size(own, cores) == expected


def test_the_pillars_options_are_over_the_formulas():
    file = {"a": {"x": 1, "y": 2}, "b": {"z": 3}}
    found = options.merged(file, {"a": {"y": 5, "n": 6}, "c": {"q": 7}})
    assert found == {"a": {"x": 1, "y": 5, "n": 6}, "b": {"z": 3}, "c": {"q": 7}}
    assert list(found) == ["a", "b", "c"]
    assert file["a"] == {"x": 1, "y": 2}


def test_an_option_that_is_a_secret_is_asked_for_when_it_is_printed():
    found = options.merged({}, {"ldap": {"password": {"secret": "a:b"}}})
    assert _printed(found) == ["[ldap]", "password = <a:b>"]


def test_an_option_with_several_values_is_no_text_made_of_them():
    found = options.merged({"a": {"x": options.secret("p")}}, {"a": {"y": ["1", 2]}, "b": {"z": 3}})
    assert found == {"a": {"x": [{"secret": "p"}], "y": {"each": ["1", 2]}}, "b": {"z": 3}}


def test_compute_nodes_have_several_values_too():
    own = {"virt_type": "qemu", "options": {"libvirt": {"cpu_mode": ["a", "b"]}}}
    assert nova.compute_file(own, has_kvm=False)["libvirt"]["cpu_mode"] == {"each": ["a", "b"]}


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
    assert _printed({"one": {"key": value, "next": 1}}) == ["[one]", f"key = {printed}", "next = 1"]


def test_each_of_several_values_has_its_line():
    file = options.merged({"one": {"next": 1}}, {"one": {"key": ["a=b", "c, d", True]}})
    assert _printed(file) == ["[one]", "next = 1", "key = a=b", "key = c, d", "key = True"]


def _printed(file):
    text = option_file.text("x", file, lambda path: f"<{path}>")
    first, empty, *lines = text.splitlines()
    assert (first.startswith("# Written by Salt (openstack_ha.x)"), empty) == (True, "")
    assert text.endswith("\n")
    return lines
