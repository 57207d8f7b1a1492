"""What the schema takes as text, key and number, over all of it."""

import re

import openstack_ha_cluster
import openstack_ha_schema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import example


def _schemas(schema):
    """Every schema below one, with itself."""
    yield schema
    for key in ("items", "additionalProperties", "propertyNames"):
        if isinstance(schema.get(key), dict):
            yield from _schemas(schema[key])
    others = (*schema.get("anyOf", ()), *schema.get("allOf", ()))
    for one in (*schema.get("properties", {}).values(), *others):
        yield from _schemas(one)


ALL = list(_schemas(openstack_ha_schema.SCHEMA))
PATTERNS = sorted({one["pattern"] for one in ALL if "pattern" in one and not one.get("lines")})


def _faults(path, value):
    cluster = example()
    branch = cluster
    for key in path[:-1]:
        branch = branch.setdefault(key, {})
    branch[path[-1]] = value
    return openstack_ha_cluster.faults(cluster)


@pytest.mark.parametrize("pattern", PATTERNS)
@settings(max_examples=5)
@given(data=st.data())
def test_no_pattern_lets_a_line_break_through(pattern, data):
    text = data.draw(st.from_regex(re.compile(pattern, re.ASCII), fullmatch=True))
    validator = openstack_ha_schema._validator()
    for ending in ("\n", "\r", "\u2028", "\x00"):
        schema = {"type": "string", "pattern": pattern}
        assert list(validator.evolve(schema=schema).iter_errors(text.rstrip() + ending))


TEXTS = {
    "a secret": ("secrets", "keystone", "admin"),
    "a name": ("name",),
    "free text": ("keystone", "projects", "demo", "description"),
    "a fully qualified name": ("vip", "fqdn"),
    "an option": ("keystone", "options", "DEFAULT", "debug"),
    "a permission": ("rabbitmq", "users", "openstack", "vhosts", "/", "read"),
}


@pytest.mark.parametrize("path", TEXTS.values(), ids=TEXTS)
@pytest.mark.parametrize("text", ["good-enough-text\n", "two\nlines", "a\x00b", "a\rb"])
def test_text_with_a_control_character_is_one_fault(path, text):
    (fault,) = _faults(path, text)
    assert fault.startswith(f"openstack_ha:{':'.join(path)}: has ")
    assert text not in fault


KEYS = {
    "a project": (("keystone", "projects", 2024), {}, "keystone:projects:2024"),
    "a device": (("nodes", "sto1", "storage", "devices", 1), {}, "nodes:sto1:storage:devices:1"),
    "a node": (("nodes", 101), {}, "nodes:101"),
    "an unknown one": ((False,), {}, "False"),
    "of an option": (("galera", "server_options", True), 1, "galera:server_options:True"),
}


@pytest.mark.parametrize(("path", "value", "told"), KEYS.values(), ids=KEYS)
def test_key_that_is_no_text_is_named(path, value, told):
    (fault,) = _faults(path, value)
    assert fault.startswith(f"openstack_ha:{told}: ")
    assert fault.endswith("put it in quotes")


SEVERAL = {
    "of a service": (("keystone", "options", "DEFAULT", "a"), ["x", 1, True], None),
    "of a compute node's": (("nova", "options", "pci", "alias"), ["{}", "{}"], None),
    "of the database": (("galera", "server_options", "plugin_load_add"), ["a", "b"], None),
    "of a file in which the last one counts": (
        ("swift", "proxy", "options", "DEFAULT", "a"),
        ["x"],
        "['x'] is not a text",
    ),
    "a yes and a no": (("galera", "server_options", "slow_query_log"), True, None),
    "none": (("keystone", "options", "DEFAULT", "a"), [], "[] is empty; name at least one"),
    "a line break": (
        ("keystone", "options", "DEFAULT", "a"),
        ["x", "y\nz = 1"],
        "has a line break",
    ),
    "a list": (("keystone", "options", "DEFAULT", "a"), [["x"]], "['x'] is not a text"),
    "keys": (("keystone", "options", "DEFAULT", "a"), [{"x": 1}], "{'x': 1} is not a text"),
    "a cut value": (("galera", "server_options", "a"), ["x", "y # z"], "is cut by MariaDB"),
}


@pytest.mark.parametrize(("path", "value", "told"), SEVERAL.values(), ids=SEVERAL)
def test_option_has_several_values_where_its_program_knows_that(path, value, told):
    found = _faults(path, value)
    assert len(found) == (1 if told else 0), found
    assert all(fault.startswith(f"openstack_ha:{':'.join(path)}") for fault in found)
    assert all(told in fault for fault in found)


@pytest.mark.parametrize("section", ["default", "Default"])
@pytest.mark.parametrize("path", [("keystone", "options"), ("swift", "proxy", "options")])
def test_section_that_nobody_reads_is_told(path, section):
    (fault,) = _faults((*path, section), {"debug": True})
    assert fault.endswith(
        f"{section!r} is read by nobody; the section of what is for all is DEFAULT"
    )
    assert _faults((*path, "DEFAULT"), {"debug": True}) == []
    assert _faults((*path, "defaults"), {"debug": True}) == []


NUMBERS = {
    "an integral float": (("haproxy", "maxconn"), 256.0, "256.0 is no integer; write 256"),
    "of workers": (("keystone", "workers"), 4.0, "4.0"),
    "no number": (("swift", "rings", "object", "overload"), float("nan"), "nan is no number"),
    "without an end": (("rabbitmq", "memory_high_watermark"), float("inf"), "inf is no number"),
    "a yes": (("haproxy", "maxconn"), True, "True is not a whole number"),
}


@pytest.mark.parametrize(("path", "value", "told"), NUMBERS.values(), ids=NUMBERS)
def test_number_that_programs_would_read_otherwise_is_named(path, value, told):
    (fault,) = _faults(path, value)
    assert fault.startswith(f"openstack_ha:{':'.join(path)}: {told}")
