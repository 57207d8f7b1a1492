"""What all rules have in common: shapes, times, and that no node's nonsense ends a look."""

import importlib

import openstack_ha_cluster
import openstack_ha_rule as rule
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import ROOT, with_machines

SYSTEMS = openstack_ha_cluster.coordinated()
FITTING = [
    (True, bool),
    (3, int),
    ("a", (None, str)),
    (None, (None, str)),
    (["a"], [str]),
    ([], [str]),
    ({"a": 1, "b": 2}, {"a": int}),
    ({"x": {"md5": "a"}}, {str: {"md5": str}}),
    ({}, {}),
]
MISFITS = [
    (1, bool),
    (True, int),
    (1, (None, str)),
    ("a", [str]),
    (["a", 1], [str]),
    ({"b": 1}, {"a": int}),
    ({"a": "1"}, {"a": int}),
    ({"x": {"md5": 1}}, {str: {"md5": str}}),
    ({1: {}}, {str: {}}),
    ([], {}),
    (None, {}),
]


@pytest.mark.parametrize(("value", "shape"), FITTING, ids=str)
def test_what_fits(value, shape):
    assert rule.fits(value, shape)


@pytest.mark.parametrize(("value", "shape"), MISFITS, ids=str)
def test_what_does_not_fit(value, shape):
    assert not rule.fits(value, shape)


@pytest.mark.parametrize(
    ("before", "since"), [(None, 100), (40, 40), (100, 100), (101, 100)], ids=str
)
def test_a_time_from_the_future_is_not_known(before, since):
    assert rule.begun(before, 100) == since


def test_a_text_is_one_line_of_bounded_length():
    assert rule.short("one\n  two") == "one two"
    assert len(rule.short("x" * 10_000)) < 300


def test_of_a_traceback_the_error_is_told():
    text = "The minion function caused an exception: Traceback (most recent call last):\n  File x\n"
    assert rule.short(f"{text}KeyError: 'y'\n") == "KeyError: 'y'"


NONSENSE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=6,
)


def rule_of(system):
    return importlib.import_module(f"openstack_ha_{system}_rule")


def shapes(system):
    """The keys that a node's answer has: by the shape in a rule, or in what that rests on."""
    own = rule_of(system)
    (shape,) = [one.SHAPE for one in (own, *vars(own).values()) if hasattr(one, "SHAPE")]
    return sorted(shape)


@st.composite
def said(draw, system):
    """What a node could answer: nothing, an error, nonsense, or a mapping with nonsense in it."""
    one = st.fixed_dictionaries(dict.fromkeys(shapes(system), NONSENSE))
    if system in ("db_sync", "turn"):
        one = st.fixed_dictionaries({"keystone": one, "glance": NONSENSE})
    return draw(
        st.none()
        | st.just({"error": "no systemd"})
        | st.just({"lacks": "openstack_ha_x.evidence"})
        | st.dictionaries(st.text(max_size=3), NONSENSE, max_size=3)
        | one
    )


@pytest.mark.parametrize("system", SYSTEMS)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_no_nodes_nonsense_ends_a_look(system, data):
    cluster = openstack_ha_cluster.complete(with_machines({"cmp1": "172.29.80.21"}))
    short = {
        **{key: cluster[key] for key in ("name", "network", "nodes", "keystone", "nova_network")},
        "swift": {"owner": "sto1", "auth": "keystone", "rings": list(cluster["swift"]["rings"])},
    }
    nodes = openstack_ha_cluster.looked_after_on(cluster, system)
    rings = dict.fromkeys(short["swift"]["rings"], {})
    keyring = {"fernet": {"0": "a"}, "credential": {"0": "b"}, "rotated": 0}
    case = {
        "name": "demo",
        "system": system,
        "cluster": short,
        "nodes": nodes,
        "found": {node: data.draw(said(system)) for node in nodes},
        "rivals": {},
        "records": {},
        "facts": {"swift": rings, "keystone": keyring}.get(system),
        "wish": None,
        "now": 1000.0,
    }
    its = rule_of(system)
    for decision in its.decide(case):
        assert decision["why"]
        assert decision["way_out"] or decision["verdict"] != "refuse"
        its.remember(case, decision)
        assert set(its.listeners(case, decision)) <= set(nodes)
        its.again(case, decision, None)


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_verdict_is_the_name_of_one_function(system):
    """The master's own step, or the nodes'."""
    verdicts = set(rule_of(system).VERDICTS)
    assert not verdicts & set(rule.RESTING)
    defined = {
        folder: _functions(ROOT / folder / f"openstack_ha_{system}.py")
        for folder in ("_runners", "_modules")
    }
    for verdict in verdicts:
        assert sum(verdict in names for names in defined.values()) == 1, verdict


def _functions(path):
    if not path.exists():
        return set()
    lines = path.read_text(encoding="utf-8").splitlines()
    return {line[4:].partition("(")[0] for line in lines if line.startswith("def ")}
