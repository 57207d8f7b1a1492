"""What would be decided, and what that rests on, as people see it."""

import pytest
from runners import load

WAIT = {"verdict": "wait", "nodes": [], "why": "ctl3 did not answer", "way_out": None}
REFUSE = {**WAIT, "verdict": "refuse", "nodes": ["ctl1"], "way_out": "type `salt-run y`"}
SAID = {"server": "stopped", "position": {"uuid": "6d1f", "seqno": 7}, "wsrep": None, "names": []}


@pytest.fixture
def show():
    lines = load("_output", "openstack_ha_lines").output
    return load("_output", "openstack_ha_plan", __salt__={"openstack_ha_lines": lines}).output


def plan(**more):
    data = {"name": "demo", "system": "galera", "decisions": [WAIT], "kept": {}, "ages": {}}
    return {**data, "evidence": {"ctl1": SAID, "ctl2": "no room", "ctl3": None}, **more}


def test_decisions_come_first_then_what_each_node_said(show):
    kept = {"galera": {"decision": WAIT, "decided": 0}}
    assert show(plan(kept=kept, ages={"galera": "3 min 20 s"})).splitlines() == [
        "decisions:",
        "  galera: wait: ctl3 did not answer",
        "",
        "evidence:",
        "  ctl1: server: stopped, position.uuid: 6d1f, position.seqno: 7, wsrep: None, names: none",
        "  ctl2: no room",
        "  ctl3: no answer",
        "",
        "the master's last word:",
        "  galera: wait, for 3 min 20 s",
    ]


def test_a_refusal_has_its_way_out_and_a_subject_its_name(show):
    text = show(plan(decisions=[{**REFUSE, "subject": "glance"}], system="db_sync"))
    assert "  db_sync.glance: refuse ctl1: ctl3 did not answer\n    type `salt-run y`" in text


def test_what_only_programs_read_is_counted(show):
    many = {f"fact{number}": number for number in range(200)}
    text = show(plan(evidence={"ctl1": many, "ctl2": {"text": "x" * 500}}))
    assert "  ctl1: 200 facts, which --out=json shows\n" in text
    assert max(map(len, text.splitlines())) <= 100
