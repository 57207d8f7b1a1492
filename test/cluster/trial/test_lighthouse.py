"""
From a state that rings to the state that returns, for a system that the engine has never heard of.

The tests stand in their order: cmp3 is silent, it comes back, and a person has to end something.
"""

import time

import pytest
from support import await_until

PATTERN = "openstack_ha/demo/lighthouse/{}"
NODES = ("cmp1", "cmp2", "cmp3")


@pytest.fixture(scope="module")
def decided(since):
    """Return a function that gives what was decided since a time."""

    def call(begin):
        found = since(begin, PATTERN.format("decision"))
        return [(event.data["verdict"], event.data["nodes"]) for event in found]

    return call


@pytest.fixture
def apply(master):
    """Return a function that applies the system to nodes; each node's state of its lighthouse."""

    def call(*nodes, **more):
        result = master.salt_cli().run(
            "--list", "state.apply", "openstack_ha.lighthouse", minion_tgt=",".join(nodes), **more
        )
        assert isinstance(result.data, dict), result
        found = result.data if len(nodes) > 1 else {nodes[0]: result.data}
        return {node: lit(states) for node, states in found.items()}

    return call


def lit(states):
    (own,) = [one for one in states.values() if one["__id__"] == "openstack_ha_lighthouse_lit"]
    return own


@pytest.fixture(scope="module")
def waiting(master, lighthouses, run, event_listener):
    """cmp1 and cmp2 apply it, while cmp3 is silent; when they began, and their job."""
    run("openstack_ha_record.keep", "demo.lighthouse", "{}")
    begin = time.time()
    result = master.salt_cli().run(
        "--list", "--async", "state.apply", "openstack_ha.lighthouse", minion_tgt="cmp1,cmp2"
    )
    patterns = [(master.id, PATTERN.format(one)) for one in ("doorbell", "decision")]
    found = event_listener.wait_for_events(patterns, after_time=begin, timeout=300)
    assert found.found_all_events, found.missed
    return begin, result.stdout.split()[-1].strip('"')


@pytest.fixture(scope="module")
def whole(waiting, lighthouses, answered, since, decided):
    """cmp3 is there, and the states that waited have returned; what they did by node."""
    begin, job = waiting
    lighthouses["cmp3"].start()
    await_until(
        lambda: len(since(begin, f"salt/job/{job}/ret/*")) == 2,
        300,
        "the return of the states that wait",
        lambda: decided(begin),
    )
    answered("lighthouse", "demo")
    events = since(begin, f"salt/job/{job}/ret/*")
    return {event.data["id"]: lit(event.data["return"]) for event in events}


def test_in_test_mode_a_state_says_that_the_master_would_be_asked(lighthouses, apply):
    for own in apply("cmp1", "cmp2", test=True).values():
        assert (own["result"], list(own["changes"])) == (None, ["lighthouse"])


def test_a_state_rings_and_the_master_waits_for_who_is_silent(waiting, decided, planned, ask):
    begin, _ = waiting
    assert decided(begin) == [("wait", [])]
    plan = planned("demo", "lighthouse", "cmp1")
    assert (plan["evidence"]["cmp1"]["light"], plan["evidence"]["cmp3"]) == (None, None)
    (decision,) = plan["decisions"]
    assert decision["why"] == "cmp3 did not answer, and could burn"
    assert ask("cmp1", "openstack_ha_word.last", "lighthouse")["why"] == decision["why"]


def test_then_one_burns_and_the_others_are_started_in_their_order(waiting, whole, decided, ask):
    assert [own["result"] for own in whole.values()] == [True, True], whole
    assert whole["cmp2"]["comment"] == "It is lit by cmp1."
    begin, _ = waiting
    assert decided(begin) == [
        ("wait", []),
        ("kindle", ["cmp1"]),
        ("watch", ["cmp2"]),
        ("watch", ["cmp3"]),
        ("settled", []),
    ]
    assert ask("cmp*", "openstack_ha_lighthouse.light") == dict.fromkeys(NODES, "cmp1")


def test_a_second_run_changes_nothing_and_rings_for_nobody(whole, apply, since):
    begin = time.time()
    for more in ({}, {"test": True}):
        for own in apply(*NODES, **more).values():
            assert (own["result"], own["changes"]) == (True, {})
    assert since(begin, PATTERN.format("doorbell")) == []


def test_what_the_rule_refuses_ends_the_wait_and_names_the_way_out(whole, master, apply, ask):
    ask("cmp2", "openstack_ha_lighthouse.kindle")
    ask("cmp3", "cmd.run", "systemctl kill --signal=KILL openstack-ha-lighthouse@cmp3")
    await_until(lambda: ask("cmp3", "openstack_ha_lighthouse.light") is None, 120, "darkness")
    own = apply("cmp3")["cmp3"]
    assert own["result"] is False
    assert own["comment"].startswith("The master refused: cmp1 and cmp2 burn. ")
    told = master.salt_run_cli().run("openstack_ha.status", "demo").data
    assert [one for one in told["faults"] if one.startswith("lighthouse: cmp1 and cmp2 burn; ")]
    command, *way_out = own["comment"].split("`")[1].split()
    assert (command, *way_out) == ("salt", "cmp2", "openstack_ha_lighthouse.watch", "cmp1")
    ask(*way_out)
    own = apply("cmp3")["cmp3"]
    assert (own["result"], own["comment"]) == (True, "It is lit by cmp1.")
