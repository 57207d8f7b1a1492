"""What people see of the event bus: one short line for what is new, and nothing of strangers."""

import openstack_ha_watching as watching
import pytest

CLUSTER = {"name": "demo", "nodes": {"ctl1": {}, "ctl2": {}}}
WAIT = {"verdict": "wait", "nodes": [], "why": "ctl2 did not answer", "way_out": None}
JOIN = {"verdict": "join", "nodes": ["ctl2"], "why": "ctl1 is Primary", "way_out": None}


@pytest.fixture
def memory():
    return watching.begun(CLUSTER, {}, 0)[0]


def step(number, result=True, changes=None, node="ctl1", **more):
    state = {"__run_num__": number, "__id__": f"state_{number}", "name": "x", "result": result}
    data = {"ret": {**state, "changes": changes or {}, **more}, "len": 40}
    return f"salt/job/2026/prog/{node}/{number}", {"id": node, "data": data}


def waits(seconds, lacking="it is not there", node="ctl1"):
    data = {"lacking": lacking, "seconds": seconds}
    return "openstack_ha/demo/galera/waits", {"id": node, "data": data}


def test_it_begins_with_what_is_not_settled():
    settled = {"decision": {**WAIT, "verdict": "settled"}, "decided": 0}
    records = {"galera": {"decision": WAIT, "decided": 40}, "rabbitmq": settled, "nova": {}}
    _, lines = watching.begun(CLUSTER, records, 100)
    assert lines == ["galera: wait: ctl2 did not answer (for 1 min)"]
    assert watching.begun(CLUSTER, {"rabbitmq": settled}, 100)[1] == ["every system is settled"]


def test_decisions_are_told_with_nodes_reason_and_way_out(memory):
    tag = "openstack_ha/demo/galera/decision"
    assert watching.heard(memory, tag, JOIN, 0) == ["galera: join ctl2: ctl1 is Primary"]
    refuse = {**JOIN, "verdict": "refuse", "why": "two clusters", "way_out": "a runbook"}
    assert watching.heard(memory, tag, refuse, 0) == ["galera: refuse: two clusters a runbook"]
    turn = "openstack_ha/demo/turn.keystone/decision"
    assert watching.heard(memory, turn, WAIT, 0) == ["turn.keystone: wait: ctl2 did not answer"]


def test_steps_are_told_that_change_or_fail_and_others_after_a_silence(memory):
    told = []
    for second, event in enumerate(
        [
            step(0),
            step(1),
            step(2, changes={"x": 1}),
            step(3, result=None, changes={"x": 1}),
            step(4, result=False, comment="no room\nat all"),
            step(5),
        ]
    ):
        told += watching.heard(memory, *event, second)
    assert told == [
        "ctl1: 1 of 40, state_0",
        "ctl1: 3 of 40, state_2 changed",
        "ctl1: 4 of 40, state_3 would change",
        "ctl1: 5 of 40, state_4 FAILED: no room at all",
    ]
    assert watching.heard(memory, *step(6), 4 + watching.QUIET) == ["ctl1: 7 of 40, state_6"]
    beyond = watching.heard(memory, *step(43, changes={"x": 1}), 5)
    assert beyond == ["ctl1: 40 of 40, state_43 changed"]
    assert watching.heard(memory, *step(0, node="ctl2"), 5), "each node has its own silence"


def test_a_wait_is_told_when_it_begins_when_it_changes_and_while_it_lasts(memory):
    line = "ctl1 waits for the master's word about galera{}: {}"
    heard = [watching.heard(memory, *waits(second), second) for second in (0, 15, 30, 45)]
    assert heard == [
        [line.format("", "it is not there")],
        [],
        [line.format(" for 30 s", "it is not there")],
        [],
    ]
    assert watching.heard(memory, *waits(50, "it is not Synced"), 50) == [
        line.format(" for 50 s", "it is not Synced")
    ]
    assert watching.waiting(memory, 60) == [line.format(" for 1 min", "it is not Synced")]
    # Who has told nothing more waits no more.
    assert watching.waiting(memory, 51 + watching.FRESH) == []


def test_a_step_ends_a_wait(memory):
    watching.heard(memory, *waits(15), 15)
    watching.heard(memory, *step(3), 16)
    assert watching.waiting(memory, 17) == []


def test_a_run_is_told_from_its_begin_to_its_end(memory):
    new = {"fun": "state.apply", "arg": ["openstack_ha.galera"], "minions": ["ctl1", "other"]}
    assert watching.heard(memory, "salt/job/2026/new", new, 0) == [
        "ctl1: state.apply openstack_ha.galera begins"
    ]
    states = {"a": {"result": True, "changes": {"x": 1}}, "b": {"result": False, "changes": {}}}
    tag = "salt/job/2026/ret/ctl1"
    assert watching.heard(memory, tag, {"return": states}, 200) == [
        "ctl1: state.apply ended after 3 min 20 s: 1 of 2 states changed, 1 failed"
    ]
    assert watching.heard(memory, tag, {"return": ["a fault", "another"]}, 200) == [
        "ctl1: state.apply ended after 3 min 20 s: FAILED: a fault; another"
    ]
    start = watching.heard(memory, "salt/minion/ctl2/start", {"id": "ctl2"}, 0)
    assert start == ["ctl2: its minion started"]
    outcome = {"ctl1": {"is_back": True}, "ctl2": {"is_back": False, "step": "galera", "why": "no"}}
    done = watching.heard(memory, "openstack_ha/demo/rejoin/done", {"nodes": outcome}, 0)
    assert done == ["ctl1 is back", "ctl2 is not back: galera: no"]


STRANGE = {
    "another cluster's decision": ("openstack_ha/other/galera/decision", JOIN),
    "a stranger's wait": waits(0, node="other"),
    "a stranger's step": step(1, changes={"x": 1}, node="other"),
    "a stranger's start": ("salt/minion/other/start", {}),
    "a job that is no state's": (
        "salt/job/2026/new",
        {"fun": "test.ping", "arg": [], "minions": ["ctl1"]},
    ),
    "a return of such": ("salt/job/2026/ret/ctl1", {"return": {}}),
    "no data": ("openstack_ha/demo/galera/decision", None),
    "a decision without a reason": ("openstack_ha/demo/galera/decision", {"verdict": "x"}),
    "a wait for ever": ("openstack_ha/demo/galera/waits", {"id": "ctl1", "data": {}}),
    "a wait of no seconds": waits("many"),
    "a step that is a text": ("salt/job/2026/prog/ctl1/1", {"data": "x"}),
    "an outcome that is none": ("openstack_ha/demo/rejoin/done", {"nodes": {"ctl1": "x"}}),
    "an event of somebody else's": ("salt/auth", {}),
}


@pytest.mark.parametrize("case", STRANGE)
def test_strangers_and_nonsense_show_nothing(memory, case):
    assert watching.heard(memory, *STRANGE[case], 0) == []


def test_whatever_is_sent_is_shown_as_one_short_line_of_plain_text(memory):
    why = "\x1b[2Jall is well\r\n" + "x" * 500
    (line,) = watching.heard(memory, "openstack_ha/demo/galera/decision", {**WAIT, "why": why}, 0)
    assert line.startswith("galera: wait:  [2Jall is well x")
    assert line.isprintable()
    assert len(line) <= watching.LONGEST
