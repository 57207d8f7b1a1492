"""What the master keeps: replaced as a whole, and a decision is told when it is new."""

import pytest
from runners import Master, Nodes

DECISION = {"verdict": "wait", "nodes": [], "why": "ctl3 did not answer", "way_out": None}


@pytest.fixture
def master(tmp_path):
    return Master(tmp_path, Nodes([]))


def decided(master, decision, **record):
    master.run("openstack_ha_record.decided", "demo", "galera", decision, record)
    return master.record("demo.galera")


def test_a_decision_has_its_time_and_is_told_once(master):
    assert master.record("demo.galera") == {}
    begin = master.clock.now
    kept = decided(master, DECISION, floor=1)
    assert kept == {"floor": 1, "decision": DECISION, "decided": begin, "looked": begin}
    assert master.events == [("openstack_ha/demo/galera/decision", DECISION)]
    master.clock.now += 60
    again = decided(master, DECISION, floor=2)
    assert (again["decided"], again["looked"]) == (begin, begin + 60)
    assert master.record("demo.galera")["floor"] == 2
    assert len(master.events) == 1
    assert decided(master, {**DECISION, "verdict": "refuse"})["decided"] == begin + 60
    assert len(master.events) == 2


def test_what_is_sent_is_a_copy(master):
    master.functions["event.send"] = lambda tag, data: data.update(_stamp="now")
    decision = dict(DECISION)
    decided(master, decision)
    assert decision == DECISION
    assert master.record("demo.galera")["decision"] == DECISION


def test_a_record_is_replaced_as_a_whole_and_the_masters_alone(master, tmp_path):
    decided(master, DECISION)
    path = tmp_path / "cache" / "openstack_ha" / "demo.galera.json"
    before = path.stat().st_ino
    decided(master, DECISION)
    assert path.stat().st_ino != before
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_a_name_is_no_path(master, tmp_path):
    master.run("openstack_ha_record.keep", "../demo", {"a": 1})
    assert master.record("../demo") == {"a": 1}
    assert (tmp_path / "cache" / "openstack_ha" / ".._demo.json").exists()
