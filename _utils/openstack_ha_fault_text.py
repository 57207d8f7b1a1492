"""
A fault of the cluster file against its schema, in the words of who writes the file: what the value
is, what it should be, and what was probably meant.
"""

import difflib
import math
import re

# What a value of a type is called, and what is written for it.
KINDS = {
    "array": "a list, such as [{}]",
    "object": "keys with values, each on a line of its own, indented",
    "string": "a text; put it in quotes",
    "integer": "a whole number, without quotes",
    "number": "a number, without quotes",
    "boolean": "true or false, without quotes",
}
# Of patterns that several keys have. The other ones are explained by their key's description.
PATTERNS = {
    r"^[A-Za-z][A-Za-z0-9_-]{0,31}$": "a letter, then up to 31 letters, digits, _ and -",
    r"^[A-Za-z0-9][A-Za-z0-9_.@-]{0,63}$": "up to 64 letters, digits, _ . @ and -, a letter or "
    "digit first",
    r"^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$": "up to 63 letters, digits and -, neither "
    "first nor last a -",
    r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,14}$": "up to 15 letters, digits, _ . and -, a letter or digit "
    "first",
    r"^(account|container|object(-[1-9][0-9]*)?)$": "account, container, object or object-1, "
    "object-2 ..",
    r"^/dev/.+$": "a path below /dev",
    r"^/.+$": "a path from the root on",
}
SECRET = (
    "is no usable secret: it takes 12 to 128 of the characters A-Z a-z 0-9 _ . ~ + = - "
    "(`salt-run openstack_ha.secrets` makes good ones)"
)
# How the fault of a text begins that is not one line of plain text.
CONTROL = "has "
# Characters of a value in a text.
SHOWN = 60


def text(error):
    """
    Return a fault as people read it, behind its path.

    error
        What jsonschema found. Below ``secrets`` no value is quoted.
    """
    # Of the formula's own rules over texts, which say it themselves.
    if error.validator == "type" and error.message.startswith(CONTROL):
        return error.message
    if error.validator in ("pattern", "type", "enum") and "fault" in error.schema:
        told = error.schema["fault"].replace("{0!r}", _value(error.instance))
        return told + guess(error.instance, error.schema.get("enum", ()))
    is_secret = "secrets" in list(error.absolute_path)[:1]
    if is_secret and error.validator in ("pattern", "type"):
        return SECRET
    words = WORDS.get(error.validator)
    return words(error, _value(error.instance)) if words else error.message


def guess(word, choices):
    """
    Return what was probably meant, as the end of a sentence; nothing where that is not clear.

    word
        What stands there.

    choices
        What could stand there.
    """
    close = difflib.get_close_matches(str(word), list(map(str, choices)), 1)
    return f"; did you mean {close[0]}?" if close else ""


def _value(value):
    shown = repr(value)
    return shown if len(shown) <= SHOWN else f"{shown[:SHOWN]} .."


def _unknown(error, _shown):
    known = sorted(error.schema.get("properties", {}))
    unknown = sorted(map(str, set(error.instance) - set(known)))
    meant = "".join(guess(one, known) for one in unknown)
    keys = ", ".join(map(repr, unknown))
    return f"unknown keys {keys}{meant or ';'} known here: {', '.join(known)}"


def _choice(error, shown):
    choices = ", ".join(map(str, error.validator_value))
    return f"{shown} is not one of {choices}{guess(error.instance, error.validator_value)}"


def _kind(error, shown):
    wanted, value = error.validator_value, error.instance
    if isinstance(value, float) and not math.isfinite(value):
        return f"{shown} is no number that a program could use"
    if isinstance(value, float) and value.is_integer() and wanted == "integer":
        return f"{shown} is no integer; write {int(value)} (in Jinja `//` or `| int`)"
    kinds = [wanted] if isinstance(wanted, str) else wanted
    # A list of one is mostly written as that one.
    example = error.instance if isinstance(error.instance, (str, int)) else "first, second"
    return f"{shown} is not {' or '.join(KINDS[kind].format(example) for kind in kinds)}"


def _shape(error, shown):
    spelled = error.instance.replace("-", "_")
    if spelled != error.instance and re.fullmatch(error.validator_value, spelled):
        return f"{shown} is spelled {spelled!r} here"
    is_key = "propertyNames" in error.absolute_schema_path
    what = PATTERNS.get(error.validator_value) or error.schema.get("description")
    # One of several, which have no description of their own: what they are together says it.
    subject = f"{shown} is no name for a key here" if is_key else f"{shown} does not fit"
    return f"{subject}: {what or _characters(error.validator_value)}"


def _characters(pattern):
    """The characters of a pattern that is one class of them, as people write them."""
    inside = pattern.partition("[")[2].partition("]")[0]
    return f"it takes the characters {inside}" if inside else "it has a character that may not be"


def _range(word):
    def words(error, shown):
        return f"{shown} is {word} {error.validator_value}, which is allowed"

    return words


def _empty(_error, shown):
    return f"{shown} is empty; name at least one"


def _twice(_error, shown):
    return f"{shown} names something twice"


def _missing(error, _shown):
    return error.message.replace("is a required property", "is missing and has no default")


def _any(error, shown):
    choices = [_of_choice(one) for one in error.validator_value]
    return f"{shown} is neither of: {'; '.join(choices)}"


def _of_choice(schema):
    if "enum" in schema:
        return ", ".join(map(str, schema["enum"]))
    bounds = [f"from {schema['minimum']}"] if "minimum" in schema else []
    bounds += [f"to {schema['maximum']}"] if "maximum" in schema else []
    kind = KINDS[schema["type"]].partition(",")[0] if "type" in schema else "another value"
    return " ".join([kind, *bounds])


WORDS = {
    "additionalProperties": _unknown,
    "enum": _choice,
    "type": _kind,
    "pattern": _shape,
    "minimum": _range("less than"),
    "maximum": _range("more than"),
    "minItems": _empty,
    "minProperties": _empty,
    "minLength": _empty,
    "uniqueItems": _twice,
    "required": _missing,
    "anyOf": _any,
}
