"""Creations that nobody carries on: the rule, the module, and Nova's own program for them."""

import json

import openstack_ha_cluster
import openstack_ha_nova_builds_rule as rule
import openstack_ha_nova_system
import pytest
from runners import load, utils
from salt.exceptions import CommandExecutionError
from support import ROOT, with_machines

MEMBERS = ["ctl1", "ctl2", "ctl3"]
EMPTY = {"is_ready": True, "started": 10**6, "requests": [], "machines": []}
OPTIONS = openstack_ha_cluster.complete(with_machines({"cmp1": "172.29.80.21"}))["nova"]
PLACED, BUILT = OPTIONS["schedule_timeout"], OPTIONS["build_timeout"]
LOST = OPTIONS["failover_timeout"]


def request(uuid, seconds, silent=None):
    return {"uuid": uuid, "silent": silent, "seconds": seconds}


def machine(uuid, seconds, host=None, is_held=False, is_left=False):
    return {
        "uuid": uuid,
        "host": host,
        "is_held": is_held,
        "is_left": is_left,
        "seconds": seconds,
    }


def said(*requests, machines=(), started=10**6):
    return {
        "is_ready": True,
        "started": started,
        "requests": list(requests),
        "machines": list(machines),
    }


def case(*three):
    found = dict(zip(MEMBERS, three, strict=True))
    return {"cluster": {"nova": OPTIONS}, "nodes": MEMBERS, "found": found}


def decide(*three):
    (decision,) = rule.decide(case(*three))
    return decision


def again(*three):
    return rule.again(case(*three), decide(*three), None)


def given_up(*three):
    decision = decide(*three)
    return decision["arguments"]["machines"] if decision["verdict"] == "give_up" else []


UNABLE = {
    "silent": None,
    "an error": {"error": "no systemd"},
    "not ready": {**EMPTY, "is_ready": False},
    "without requests": {**EMPTY, "requests": None},
    "without machines": {**EMPTY, "machines": None},
}


@pytest.mark.parametrize("one", UNABLE.values(), ids=UNABLE)
def test_who_cannot_tell_does_nothing_and_another_one_does(one):
    lost = said(request("a", PLACED + 1))
    assert decide(one, one, one)["verdict"] == "wait"
    assert (decide(one, lost, lost)["verdict"], decide(one, lost, lost)["nodes"]) == (
        "give_up",
        ["ctl2"],
    )
    assert decide(one, EMPTY, EMPTY)["verdict"] == "settled"


def test_an_old_module_is_not_taken_for_an_answer():
    old = {"lacks": "openstack_ha_nova_builds.evidence"}
    assert (decide(EMPTY, old, EMPTY)["verdict"], decide(EMPTY, old, EMPTY)["nodes"]) == (
        "refuse",
        ["ctl2"],
    )


def test_a_creation_is_lost_when_its_time_is_over():
    assert given_up(*3 * [said(request("a", PLACED))]) == []
    assert given_up(*3 * [said(request("a", PLACED + 1), request("b", 1))]) == ["a"]


def test_what_a_lost_controller_had_in_hand_has_a_shorter_time():
    for seconds, silent, is_lost in (
        (LOST, rule.SILENT, False),
        (LOST + 1, rule.SILENT, True),
        (LOST + 1, rule.SILENT - 1, False),
        (LOST + 1, None, False),
    ):
        orphan = request("a", seconds, silent)
        assert given_up(*3 * [said(orphan)]) == (["a"] if is_lost else [])
    whose = 3 * [said(request("a", PLACED + 1, rule.SILENT - 1))]
    assert given_up(*whose) == ["a"]
    # The time that was over is told, and not the shorter one that was not.
    assert f"within {PLACED} s" in decide(*whose)["why"]


@pytest.mark.parametrize("started", [LOST, None], ids=["begun anew", "none runs"])
def test_who_began_anew_has_nothing_of_before_in_hand(started):
    lost = said(request("a", LOST + 1), started=started)
    assert given_up(lost, EMPTY if started else lost, None) == ["a"]
    assert given_up(*3 * [said(request("a", LOST + 1), started=LOST + 2)]) == []


def test_the_next_look_is_when_the_time_is_over_of_what_was_lost():
    lost = request("a", LOST - 7, rule.SILENT)
    assert again(said(lost, request("b", 12)), None, {"error": "no systemd"}) == 8
    left = [machine("c", LOST - 3, is_left=True)]
    assert again(said(lost, machines=left), EMPTY, EMPTY) == 4
    assert again(*3 * [said(request("b", 12), machines=[machine("d", 12)])]) is None
    assert again(None, None, None) is None
    # One that is late with its report may come with it.
    late = request("a", LOST, rule.SILENT - 6)
    assert again(said(late), None, None) == 6


def test_a_machine_is_lost_when_nobody_who_lives_has_it():
    for one, is_lost in (
        (machine("a", LOST, is_left=True), False),
        (machine("a", LOST + 1, is_left=True), True),
        (machine("a", BUILT), False),
        (machine("a", BUILT + 1), True),
        (machine("a", BUILT + 1, "cmp1", is_held=False), True),
        (machine("a", BUILT + 1, "cmp1", is_held=True), False),
    ):
        assert given_up(*3 * [said(machines=[one])]) == (["a"] if is_lost else []), one


def test_what_has_a_request_has_its_own_time():
    young = said(request("a", PLACED), machines=[machine("a", BUILT + 1)])
    assert given_up(*3 * [young]) == []


def test_a_reason_names_some_only():
    many = [request(f"uuid-{number}", PLACED + 1) for number in range(9)]
    decision = decide(*3 * [said(*many)])
    assert len(decision["arguments"]["machines"]) == 9
    assert "uuid-2 and 6 more" in decision["why"] and "uuid-3" not in decision["why"]
    assert f"{PLACED} s" in decision["arguments"]["why"]


@pytest.fixture
def module():
    found = load("_modules", "openstack_ha_nova_builds", __utils__=utils())
    found.__opts__ = {"id": "ctl1"}
    found.rows = {
        "build_requests": [["a", 95, None], ["b", 30, 17]],
        "instances": [["b", None, 1, "cmp1", 40], ["c", "cmp1", 0, "cmp1", 50]],
    }
    found.busy = []
    found.services = [{"binary": "nova-compute", "host": "cmp1", "is_up": True}]
    found.units = {"nova-conductor": {"active_for": 70}, "nova-scheduler": {"active_for": 60}}
    found.runs, found.answer = [], {"retcode": 0, "stdout": "{}", "stderr": ""}

    def rows(statement):
        if "DISTINCT i.host" in statement:
            return found.busy
        (table,) = [name for name in found.rows if f".{name} " in statement]
        return found.rows[table]

    def run(argv, **options):
        found.runs.append((argv, options))
        return found.answer

    found.__salt__ = {
        "openstack_ha_db_sync.rows": rows,
        "openstack_ha_nova_status.services": lambda: found.services,
        "openstack_ha_nova.active_units": lambda: found.units,
        "cmd.run_all": run,
    }
    return found


def test_what_a_controller_says_is_what_the_rule_reads(module):
    found = module.evidence()
    assert utils()["openstack_ha_rule.fits"](found, rule.SHAPE)
    assert found["started"] == 60
    assert found["requests"] == [request("a", 95), request("b", 30, 17)]
    assert found["machines"] == [
        machine("b", 40, is_left=True),
        machine("c", 50, "cmp1", is_held=True),
    ]


def test_a_controller_of_which_nothing_runs_has_begun_nothing(module):
    module.units = {}
    assert module.started() is None


@pytest.mark.parametrize(
    ("busy", "is_up", "place", "is_left"),
    [
        ([], True, "cmp1", True),
        ([["cmp2"]], True, "cmp1", True),
        ([["cmp1"]], True, "cmp1", False),
        ([], False, "cmp1", False),
        ([], True, None, False),
    ],
)
def test_who_has_a_place_and_is_not_begun_with_waits_for_others_only(
    module, busy, is_up, place, is_left
):
    module.rows["instances"] = [["d", None, 0, place, 60]]
    module.busy, module.services[0]["is_up"] = busy, is_up
    assert [one["is_left"] for one in module.machines()] == [is_left]


def test_a_database_that_does_not_tell_who_builds_tells_of_no_machines(module):
    module.busy = None
    assert module.machines() is None


def test_a_machine_of_a_dead_service_is_in_nobodys_hands(module):
    module.services[0]["is_up"] = False
    assert [one["is_held"] for one in module.machines()] == [False, False]


@pytest.mark.parametrize("table", ["build_requests", "instances"])
def test_a_database_that_does_not_answer_is_not_empty(module, table):
    module.rows[table] = None
    found = module.evidence()
    assert None in (found["requests"], found["machines"])


def test_a_database_that_does_not_tell_of_services_tells_of_no_machines(module):
    module.services = None
    assert module.machines() is None


def test_what_is_to_end_goes_by_standard_input_to_novas_user(module):
    module.answer["stdout"] = json.dumps({"ended": ["a"], "kept": {}})
    assert module.give_up(["a"], "lost") == {"ended": ["a"], "kept": {}}
    ((argv, options),) = module.runs
    assert argv[:3] == ["setpriv", "--reuid=nova", "--regid=nova"]
    assert f"{openstack_ha_nova_system.PROGRAMS}/bin/python" in argv
    unit = (ROOT / "openstack_ha/nova/files/unit.jinja").read_text(encoding="utf-8")
    for name, value in options["env"].items():
        assert f"Environment={name}={value}\n" in unit
    assert json.loads(options["stdin"]) == {"machines": ["a"], "why": "lost"}


def test_a_program_that_fails_says_why(module):
    module.answer.update(retcode=1, stderr="one\nno database\n")
    with pytest.raises(CommandExecutionError, match=r"ctl1 ended with 1: one \| no database"):
        module.give_up(["a"], "lost")


def test_the_program_stands_where_the_module_looks_for_it(module):
    parameters = (ROOT / "openstack_ha/parameters/Debian-12.yaml").read_text(encoding="utf-8")
    assert f"builds_program: {module.PROGRAM}\n" in parameters
