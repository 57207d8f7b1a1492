"""Faults of the cluster file in plain words, over the whole schema."""

import jsonschema
import openstack_ha_fault_text as fault_text
import openstack_ha_schema
import pytest


def schemas(schema, path=()):
    """Every schema within a schema that says something of a value."""
    yield path, schema
    for name, sub in schema.get("properties", {}).items():
        yield from schemas(sub, (*path, name))
    for key in ("additionalProperties", "items", "propertyNames"):
        if isinstance(schema.get(key), dict):
            yield from schemas(schema[key], (*path, f"<{key}>"))


ALL = list(schemas(openstack_ha_schema.SCHEMA))
RUBBLE = ["\x00 ^", "", {"x": 1}, [], {}, -1, 10**9, 1.5, None]


@pytest.mark.parametrize("path, schema", ALL, ids=[":".join(path) for path, _ in ALL])
def test_no_fault_shows_a_regular_expression_or_a_word_of_json_schema(path, schema):
    found = [
        fault_text.text(error)
        for value in RUBBLE
        for error in jsonschema.Draft202012Validator(schema).iter_errors(value)
    ]
    assert found or not {"type", "pattern", "enum"} & set(schema)
    for line in found:
        assert "does not match" not in line
        assert "is not of type" not in line
        assert "is not valid under any" not in line
        assert "^[" not in line and "}$" not in line


@pytest.mark.parametrize(
    ("word", "meant"),
    [("contrller", "; did you mean controller?"), ("stroage", "; did you mean storage?"), ("", "")],
)
def test_what_was_meant_is_asked_where_it_is_clear(word, meant):
    assert fault_text.guess(word, openstack_ha_schema.ROLES) == meant


def test_a_long_value_is_cut():
    (error,) = jsonschema.Draft202012Validator({"type": "array"}).iter_errors("x" * 500)
    assert len(fault_text.text(error)) < 700
    assert "x" * 100 not in fault_text.text(error).partition(" is not ")[0]
