"""Salt's words on the way in and out: arguments, keys, events, returns."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from salt.utils.args import parse_input

from lab import events, highstate, salt

# As in a return: module_|-id_|-name_|-function.
CONFIG = "file_|-config_|-/etc/x_|-managed"
SERVICE = "service_|-service_|-x_|-running"


def state(result=True, changes=None, comment=""):
    return {"result": result, "changes": changes or {}, "comment": comment}


@pytest.mark.parametrize(("key", "name"), [(CONFIG, "config"), ("a text", "a text")])
def test_state_name(key, name):
    assert highstate.state_name(key) == name


@pytest.mark.parametrize(
    ("states", "wrong"),
    [
        pytest.param({CONFIG: state()}, None, id="success"),
        pytest.param({CONFIG: state(None, {"diff": "x"})}, None, id="test mode"),
        pytest.param(
            {CONFIG: state(), SERVICE: state(False, comment="no unit")},
            ["service: no unit"],
            id="one state",
        ),
        pytest.param(["Pillar failed", "SLS x"], ["Pillar failed", "SLS x"], id="no compilation"),
        pytest.param("Minion did not return", ["Minion did not return"], id="a line of text"),
        pytest.param(False, ["False"], id="no answer"),
    ],
)
def test_failures(states, wrong):
    assert highstate.failures({"ctl1": states}, []).get("ctl1") == wrong


def test_a_minion_that_is_expected_and_says_nothing_has_failed():
    found = highstate.failures({"ctl1": {CONFIG: state()}}, ["ctl1", "ctl2"])
    assert found == {"ctl2": ["did not answer"]}


def test_changes_are_those_made_and_those_that_would_be():
    returns = {
        "ctl1": {CONFIG: state(changes={"diff": "x"}), SERVICE: state()},
        "ctl2": {CONFIG: state(None), SERVICE: state(False)},
        "ctl3": {CONFIG: state()},
        "ctl4": ["no compilation"],
    }
    assert highstate.changes(returns) == {"ctl1": ["config"], "ctl2": ["config"]}


KEY = "-----BEGIN PUBLIC KEY-----\nAAAA\nBBBB\n-----END PUBLIC KEY-----"


@pytest.mark.parametrize(
    ("other", "is_same"),
    [
        (f"{KEY}\n\n", True),
        (KEY.replace("\n", "\r\n"), True),
        (KEY.replace("BBBB", "CCCC"), False),
        (KEY.replace("BBBB\n", ""), False),
        ("", False),
    ],
)
def test_same_key(other, is_same):
    assert salt.same_key(KEY, other) is is_same


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**6), 10**6)
    | st.from_regex(r"\A[a-z][a-z .]{2}\Z"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.just("key"), inner),
    max_leaves=5,
).filter(lambda value: not isinstance(value, str))


@given(st.lists(VALUES, max_size=3), st.dictionaries(st.sampled_from(["a", "b"]), VALUES))
def test_arguments_are_read_by_salt_as_they_were_meant(args, kwargs):
    *read, named = [*parse_input(salt.arguments(args, kwargs)), None]
    if kwargs:
        named = read.pop()
        assert named.pop("__kwarg__") is True
    assert (read, named) == (args, kwargs or None)


def test_text_is_an_argument_as_it_is():
    assert salt.arguments(["uptime -p"], {"name": "x y"}) == ["uptime -p", "name=x y"]


def test_an_event_is_its_tag_and_its_data():
    data = {"id": "ctl1"}
    assert events.parsed(f"salt/job/1/prog/ctl1/0\t{json.dumps(data)}") == (
        "salt/job/1/prog/ctl1/0",
        data,
    )


@pytest.mark.parametrize("line", ["", "4711", "[WARNING ] text\twith a tab", "tag\t{half"])
def test_other_lines_are_no_events(line):
    assert events.parsed(line) is None
