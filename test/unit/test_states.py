"""
States over simulated modules: what differs is shown, nothing is done in test mode, and what was
done is looked at again.
"""

import pytest
from runners import Clock, load, utils
from salt.exceptions import CommandExecutionError


class Host:
    """Functions of modules by name; ``called`` has those that were called."""

    def __init__(self, answers):
        self.answers, self.called = answers, []

    def __getitem__(self, name):
        def call(*args, **kwargs):
            self.called.append(name.partition(".")[2])
            assert len(self.called) < 1000, "it does not end"
            found = self.answers[name]
            if isinstance(found, list):
                # The last one stays.
                found = found.pop(0) if len(found) > 1 else found[0]
            if isinstance(found, Exception):
                raise found
            return found(*args, **kwargs) if callable(found) else found

        return call


@pytest.fixture(params=[True, False], ids=["test mode", "for real"])
def is_test(request):
    return request.param


def run(state, answers, *args, test=False, **kwargs):
    """Return what a state returned, and what it called."""
    name, function = state.split(".")
    host = Host(answers)
    module = load("_states", name, __salt__=host, __utils__=utils(), __opts__={"test": test})
    if hasattr(module, "time"):
        module.time = Clock().module()
    ret = getattr(module, function)("demo", *args, **kwargs)
    assert set(ret) >= {"name", "result", "changes", "comment"}
    return ret, host.called


ERROR = CommandExecutionError("it does not answer")
SYNCED = {"cluster_status": "Primary", "local_state_comment": "Synced"}
MEMBER = {"wsrep": SYNCED, "server": "running", "is_outdated": False}
STOPPED = {"wsrep": None, "server": "stopped", "is_outdated": False}
OUTDATED = {**MEMBER, "is_outdated": True}
PENDING = {"databases": ["nova"], "accounts": {"nova": "absent"}}
NOTHING = {"databases": [], "accounts": {}}
OBJECT = {"kind": "user", "key": ["nova"], "change": "create", "old": None, "new": {}}
GUARDED = {"name": {"old": None, "new": "demo"}}
DEVICE = {"steps": ["format"], "changes": {"disk": "formatted"}, "refusals": []}
RING = {
    "steps": ["add"],
    "changes": {"sto1": "added"},
    "refusals": [],
    "waits": [],
    "later": [],
    "after": {"version": 2},
}
RUNS = {"is_running": True, "node": "rabbit@ctl1"}


# The state, its arguments, its modules' answers, what reads, and what acts.
DIFFERENT = {
    "galera member": (
        "openstack_ha_galera.member_present",
        (),
        {"openstack_ha_galera.evidence": STOPPED, "openstack_ha_word.wait": None},
        ["evidence"],
        ["wait"],
    ),
    "galera member with an older configuration": (
        "openstack_ha_galera.member_present",
        (),
        {"openstack_ha_galera.evidence": OUTDATED, "openstack_ha_word.wait": None},
        ["evidence"],
        ["wait"],
    ),
    "keys": (
        "openstack_ha_keystone.prepared",
        (),
        {"openstack_ha_keystone.lacks": lambda: ["keys"], "openstack_ha_word.wait": None},
        ["lacks"],
        ["wait"],
    ),
    "schema": (
        "openstack_ha_db_sync.synced",
        ("demo",),
        {"openstack_ha_db_sync.pending": "sync", "openstack_ha_word.wait": None},
        ["pending"],
        ["wait"],
    ),
    "an older schema": (
        "openstack_ha_db_sync.synced",
        ("demo",),
        {"openstack_ha_db_sync.pending": "expand", "openstack_ha_word.wait": None},
        ["pending"],
        ["wait"],
    ),
    "a schema of a silent database": (
        "openstack_ha_db_sync.synced",
        ("demo",),
        {"openstack_ha_db_sync.pending": None, "openstack_ha_word.wait": None},
        ["pending"],
        ["wait"],
    ),
    "Nova's cell": (
        "openstack_ha_nova.cell_present",
        (),
        {
            "openstack_ha_nova.lacks_cell": lambda: "there is no cell",
            "openstack_ha_word.wait": None,
        },
        ["lacks_cell"],
        ["wait"],
    ),
    "a host in no cell": (
        "openstack_ha_nova.host_mapped",
        (),
        {"openstack_ha_nova.is_mapped": False, "openstack_ha_word.wait": None},
        ["is_mapped"],
        ["wait"],
    ),
    "rings": (
        "openstack_ha_swift.rings_present",
        (60,),
        {"openstack_ha_swift.missing": {"object": "absent"}, "openstack_ha_word.wait": None},
        ["missing"],
        ["wait"],
    ),
    "accounts": (
        "openstack_ha_galera.accounts_present",
        (),
        {
            "openstack_ha_galera.server": "running",
            "openstack_ha_galera.accounts_pending": [PENDING, NOTHING],
            "openstack_ha_galera.accounts_apply": PENDING,
        },
        ["accounts_pending"],
        ["accounts_apply", "accounts_pending"],
    ),
    "definitions": (
        "openstack_ha_rabbitmq.definitions_managed",
        (),
        {
            "openstack_ha_rabbitmq.status": RUNS,
            "openstack_ha_rabbitmq_definitions.pending": [
                {"changes": {"user": "x"}},
                {"changes": {}},
            ],
            "openstack_ha_rabbitmq_definitions.apply": {},
        },
        ["status", "pending"],
        ["apply", "pending"],
    ),
    "a configuration that is not loaded": (
        "openstack_ha_turn.renewed",
        ("demo",),
        {"openstack_ha_turn.is_outdated": True, "openstack_ha_word.wait": None},
        ["is_outdated"],
        ["wait"],
    ),
    "what a part runs with": (
        "openstack_ha_guard.remembered",
        (),
        {"openstack_ha_guard.pending": [GUARDED, {}], "openstack_ha_guard.remember": None},
        ["pending"],
        ["remember", "pending"],
    ),
    "a master's modules": (
        "openstack_ha_preflight.modules_synced",
        (),
        {
            "openstack_ha_preflight.outdated": lambda: ["runners/openstack_ha.py"],
            "openstack_ha_preflight.sync": None,
        },
        ["outdated"],
        ["sync"],
    ),
}


@pytest.mark.parametrize("case", DIFFERENT)
def test_a_difference_is_shown_and_in_test_mode_nothing_is_done(case, is_test):
    state, arguments, answers, reads, acts = DIFFERENT[case]
    answers = {name: list(one) if isinstance(one, list) else one for name, one in answers.items()}
    ret, called = run(state, answers, *arguments, test=is_test)
    assert ret["changes"]
    assert ret["result"] is (None if is_test else True)
    expected = reads if is_test else reads + acts
    assert [one for one in called if one != "server"] == expected


AGAIN = {
    "accounts": ("openstack_ha_galera.accounts_pending", PENDING),
    "definitions": ("openstack_ha_rabbitmq_definitions.pending", {"changes": {"user": "x"}}),
    "what a part runs with": ("openstack_ha_guard.pending", GUARDED),
}


@pytest.mark.parametrize("case", AGAIN)
def test_what_still_differs_afterwards_is_a_failure(case):
    state, arguments, answers, _reads, _acts = DIFFERENT[case]
    function, same = AGAIN[case]
    ret, _called = run(state, {**answers, function: same}, *arguments)
    assert ret["result"] is False


@pytest.mark.parametrize(
    "case", [one for one in DIFFERENT if "openstack_ha_word.wait" in DIFFERENT[one][2]]
)
def test_a_refusal_of_the_master_is_a_failure_with_its_words(case):
    state, arguments, answers, _reads, _acts = DIFFERENT[case]
    answers = {**answers, "openstack_ha_word.wait": "The master refused: two clusters."}
    ret, _called = run(state, answers, *arguments)
    assert (ret["result"], ret["comment"]) == (False, "The master refused: two clusters.")
    assert ret["changes"] == {}


SAME = {
    "galera member": {"openstack_ha_galera.evidence": MEMBER},
    "keys": {"openstack_ha_keystone.lacks": lambda: []},
    "schema": {"openstack_ha_db_sync.pending": "contract"},
    "Nova's cell": {"openstack_ha_nova.lacks_cell": lambda: None},
    "a host in no cell": {"openstack_ha_nova.is_mapped": True},
    "rings": {"openstack_ha_swift.missing": {}},
    "accounts": {
        "openstack_ha_galera.server": "running",
        "openstack_ha_galera.accounts_pending": NOTHING,
    },
    "definitions": {
        "openstack_ha_rabbitmq.status": RUNS,
        "openstack_ha_rabbitmq_definitions.pending": {"changes": {}},
    },
    "a configuration that is not loaded": {"openstack_ha_turn.is_outdated": False},
    "what a part runs with": {"openstack_ha_guard.pending": {}},
    "a master's modules": {"openstack_ha_preflight.outdated": lambda: []},
}


@pytest.mark.parametrize("case", SAME)
def test_without_a_difference_nothing_is_done(case, is_test):
    state, arguments, _answers, _reads, acts = DIFFERENT[case]
    ret, called = run(state, SAME[case], *arguments, test=is_test)
    assert (ret["result"], ret["changes"]) == (True, {})
    assert not [one for one in acts if one in called and one not in ("accounts_pending", "pending")]


SILENT = {
    "galera member": {"openstack_ha_galera.evidence": ERROR},
    "Nova's cell": {"openstack_ha_nova.lacks_cell": ERROR},
    "a host in no cell": {"openstack_ha_nova.is_mapped": ERROR},
    "rings": {"openstack_ha_swift.missing": ERROR},
    "accounts": {"openstack_ha_galera.accounts_pending": ERROR},
    "definitions": {"openstack_ha_rabbitmq.status": ERROR},
    "a configuration that is not loaded": {"openstack_ha_turn.is_outdated": ERROR},
    "what a part runs with": {"openstack_ha_guard.pending": ERROR},
    "keys": {"openstack_ha_keystone.lacks": ERROR},
    "schema": {"openstack_ha_db_sync.pending": ERROR},
    "a master's modules": {"openstack_ha_preflight.outdated": ERROR},
}


@pytest.mark.parametrize("case", SILENT)
def test_what_cannot_be_told_is_a_failure(case):
    state, arguments, *_ = DIFFERENT[case]
    ret, _called = run(state, SILENT[case], *arguments)
    assert (ret["result"], ret["comment"], ret["changes"]) == (False, str(ERROR), {})


@pytest.mark.parametrize("case", ["keys", "schema"])
def test_a_first_run_in_test_mode_has_no_package_to_ask(case):
    state, arguments, *_ = DIFFERENT[case]
    ret, _called = run(state, SILENT[case], *arguments, test=True)
    assert (ret["result"], bool(ret["changes"])) == (None, True)


def test_accounts_of_a_server_that_does_not_run_are_not_known_in_test_mode():
    answers = {"openstack_ha_galera.server": "stopped"}
    ret, called = run("openstack_ha_galera.accounts_present", answers, test=True)
    assert (ret["result"], called) == (None, ["server"])


@pytest.mark.parametrize(
    ("found", "result", "comment"), [(["a", "b"], False, "a\nb"), (ERROR, False, str(ERROR))]
)
def test_a_value_that_is_another_or_not_known_is_a_failure(is_test, found, result, comment):
    answers = {"openstack_ha_guard.objections": lambda: found}
    if found is ERROR:
        answers = {"openstack_ha_guard.objections": ERROR}
    ret, called = run("openstack_ha_guard.unchanged", answers, test=is_test)
    assert (ret["result"], ret["comment"], ret["changes"]) == (result, comment, {})
    assert called == ["objections"]


def test_values_that_are_the_same_are_no_change(is_test):
    answers = {"openstack_ha_guard.objections": lambda: []}
    ret, _called = run("openstack_ha_guard.unchanged", answers, test=is_test)
    assert (ret["result"], ret["changes"]) == (True, {})


@pytest.mark.parametrize("lines", [[], ["master: reactor would be lost"]], ids=["none", "one"])
def test_what_a_master_would_lose_is_a_failure(is_test, lines):
    answers = {"slsutil.renderer": "reactor: []\n", "openstack_ha_preflight.lost": lambda *_: lines}
    ret, called = run("openstack_ha_preflight.nothing_lost", answers, "salt://x", {}, test=is_test)
    assert (ret["result"], ret["changes"]) == (not lines, {})
    assert all(line in ret["comment"].splitlines() for line in lines)
    assert called == ["renderer", "lost"]


def test_what_is_to_be_done_about_nodes_is_a_warning_and_no_failure(is_test):
    answers = {"openstack_ha_preflight.minions": {"/a.yaml": ["ctl1 waits"], "/b.yaml": []}}
    ret, _called = run("openstack_ha_preflight.minions_known", answers, test=is_test)
    assert (ret["result"], ret["changes"]) == (True, {})
    assert ret["warnings"] == ["/a.yaml: ctl1 waits"]
    answers = {"openstack_ha_preflight.minions": {"/a.yaml": []}}
    assert "warnings" not in run("openstack_ha_preflight.minions_known", answers)[0]


def test_a_broker_that_does_not_run_has_no_definitions():
    answers = {"openstack_ha_rabbitmq.status": {"is_running": False}}
    ret, called = run("openstack_ha_rabbitmq.definitions_managed", answers)
    assert (ret["result"], called) == (False, ["status"])


def test_a_device_is_planned_in_test_mode_and_changed_else(is_test):
    answers = {f"openstack_ha_swift_device.{one}": DEVICE for one in ("plan", "apply")}
    ret, called = run("openstack_ha_swift_device.mounted", answers, test=is_test)
    assert ret["changes"] == DEVICE["changes"]
    assert (ret["result"], called) == ((None, ["plan"]) if is_test else (True, ["apply"]))
    answers = {name: {**DEVICE, "refusals": ["another node's"]} for name in answers}
    ret, _called = run("openstack_ha_swift_device.mounted", answers, test=is_test)
    assert (ret["result"], ret["changes"]) == (False, {})


def test_the_disk_of_machines_is_planned_in_test_mode_and_changed_else(is_test):
    answers = {f"openstack_ha_nova_instances.{one}": DEVICE for one in ("plan", "apply")}
    ret, called = run("openstack_ha_nova_instances.mounted", answers, test=is_test)
    assert ret["changes"] == DEVICE["changes"]
    assert (ret["result"], called) == ((None, ["plan"]) if is_test else (True, ["apply"]))
    answers = {name: {**DEVICE, "refusals": ["another node's"]} for name in answers}
    ret, _called = run("openstack_ha_nova_instances.mounted", answers, test=is_test)
    assert (ret["result"], ret["changes"]) == (False, {})


def test_a_ring_is_planned_in_test_mode_and_changed_and_told_else(is_test):
    answers = {
        **{f"openstack_ha_swift_ring.{one}": RING for one in ("plan", "apply")},
        "openstack_ha.view": {"name": "demo"},
        "event.send": None,
    }
    ret, called = run("openstack_ha_swift_ring.managed", answers, test=is_test)
    assert ret["changes"] == RING["changes"]
    expected = (None, ["plan"]) if is_test else (True, ["apply", "view", "send"])
    assert (ret["result"], called) == expected


def test_a_ring_that_is_refused_or_waits_says_why():
    reason = {"reason": "a builder is lost", "remedy": "restore it"}
    verb = "openstack_ha_swift_ring.apply"
    events = {"openstack_ha.view": {"name": "demo"}, "event.send": None}
    ret, _ = run(
        "openstack_ha_swift_ring.managed", {verb: {**RING, "refusals": [reason]}, **events}
    )
    assert (ret["result"], ret["comment"]) == (False, "a builder is lost: restore it")
    waiting = {**RING, "steps": [], "changes": {}, "waits": [reason], "later": ["add"]}
    ret, called = run("openstack_ha_swift_ring.managed", {verb: waiting, **events})
    assert (ret["result"], ret["changes"], len(ret["warnings"])) == (True, {}, 1)
    assert "send" in called
    same = {**RING, "steps": [], "changes": {}}
    ret, called = run("openstack_ha_swift_ring.managed", {verb: same, **events})
    assert (ret["changes"], called) == ({}, ["apply"])
    ret, _ = run("openstack_ha_swift_ring.managed", {verb: ERROR, **events})
    assert (ret["result"], ret["comment"]) == (False, str(ERROR))


def identity(**answers):
    return {
        "openstack_ha_identity.is_owner": True,
        "openstack_ha_word.wait": lambda name, system, lacking, patience: lacking(),
        "openstack_ha_identity.pending": lambda prune: [OBJECT],
        "openstack_ha_identity.apply": lambda prune: [],
        **{f"openstack_ha_identity.{name}": one for name, one in answers.items()},
    }


def test_objects_are_made_by_the_one_that_is_named(is_test):
    ret, called = run("openstack_ha_identity.managed", identity(), test=is_test)
    assert ret["changes"] == {"user nova": {"old": "absent", "new": "present"}}
    assert ret["result"] is (None if is_test else True)
    assert ("apply" in called) is not is_test
    ret, called = run("openstack_ha_identity.managed", identity(is_owner=False), test=is_test)
    assert (ret["result"], ret["changes"]) == (True, {})
    assert not {"pending", "apply"} & set(called)
    ret, called = run("openstack_ha_identity.managed", identity(is_owner=None), test=is_test)
    assert (ret["result"], ret["changes"]) == (None if is_test else False, {})
    assert not {"pending", "apply"} & set(called)


def test_objects_that_still_differ_are_a_failure():
    answers = identity(apply=lambda prune: [OBJECT])
    ret, _called = run("openstack_ha_identity.managed", answers)
    assert (ret["result"], "there is still" in ret["comment"]) == (False, True)


def test_an_api_that_has_just_come_up_is_waited_for_and_not_for_ever():
    left = [ERROR, ERROR]

    def pending(prune):
        if left:
            raise left.pop()
        return []

    ret, called = run("openstack_ha_identity.managed", identity(pending=pending))
    assert (ret["result"], called.count("pending")) == (True, 3)
    ret, called = run("openstack_ha_identity.managed", identity(pending=ERROR), patience=20)
    assert (ret["result"], ret["comment"]) == (False, str(ERROR))
    assert 5 < called.count("pending") < 20
    ret, called = run("openstack_ha_identity.managed", identity(pending=ERROR), test=True)
    assert (ret["result"], called.count("pending")) == (None, 1)


@pytest.mark.parametrize(("test", "called"), [(True, []), (False, ["refresh_pillar"])])
def test_a_view_is_read_again(test, called):
    ret, done = run("openstack_ha.view_known", {"saltutil.refresh_pillar": True}, test=test)
    assert (ret["result"], ret["changes"], done) == (True, {}, called)


def test_what_galera_lacks_is_a_clause_until_it_is_a_member():
    now = [
        {"is_synced": False, "server": "joining"},
        ERROR,
        {"is_synced": True, "server": "running"},
    ]
    clauses = []

    def wait(name, system, lacking, patience, moving):
        clauses.extend(lacking() for _ in range(3))
        assert clauses[0] in moving

    answers = {
        "openstack_ha_galera.evidence": [STOPPED, MEMBER],
        "openstack_ha_galera.status": now,
        "openstack_ha_word.wait": wait,
    }
    ret, _called = run("openstack_ha_galera.member_present", answers)
    assert ret["result"] is True
    assert clauses == ["the server is joining", "the server is starting", None]
