"""The watchdog of progress: who is restarted once, who is left alone, and what is a person's."""

import random

import openstack_ha_nova_progress as progress
import openstack_ha_nova_rule as rule
import openstack_ha_rule
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from support import ROOT
from test_nova_rule import IDS, case, compute, controller

NOW = 1000.0
LONG = progress.STALLED + 1
DIRECT, BY_MESSAGE = ("nova-conductor", "nova-scheduler"), progress.BY_MESSAGE


def names(node):
    return DIRECT if node.startswith("ctl") else BY_MESSAGE


def site(
    *, silent=None, units=None, forced=(), nodes=IDS, stalled=None, restarted=None, now=NOW, **found
):
    """
    A case in which every service reports but those of ``silent``, ``{"node unit": seconds}``.
    ``units`` replaces what a unit's node says of it, by the same name; None is an inactive one.
    """
    silent, units = silent or {}, units or {}
    services, said = [], {}
    for node in nodes:
        own = {}
        for unit in names(node):
            name = f"{node} {unit}"
            row = {"binary": unit, "host": f"{node}-host", "is_forced_down": name in forced}
            services.append({**row, "silent_for": silent.get(name, 3)})
            one = units.get(name, {"started": 7, "active_for": 9999})
            own |= {unit: one} if one else {}
        said[node] = own
    said = {
        node: {
            **(compute() if node.startswith("cmp") else controller(services=services)),
            "units": own,
        }
        for node, own in said.items()
        if node in IDS
    }
    of = case(now=now, **{**said, **found})
    of["records"]["progress"] = {"stalled": stalled or {}, "restarted": restarted or {}}
    return of


def decided(of):
    _, decision = rule.decide(of)
    return decision


def kept(of):
    return rule.remember(of, decided(of))


CONDUCTOR, COMPUTE = "ctl1 nova-conductor", "cmp1 nova-compute"
DUE = {CONDUCTOR: NOW - progress.PATIENCE, COMPUTE: NOW - progress.PATIENCE}
HUNG = {"silent": {CONDUCTOR: LONG}, "stalled": DUE}
# Since the start that was in vain.
AGAIN = {"started": 8, "active_for": progress.PATIENCE}
RECENT = {**AGAIN, "active_for": progress.PATIENCE - 1}
BEFORE = {CONDUCTOR: 7}
# Of the compute nodes, only this one reports by message.
LAST = {f"{node} {unit}": LONG for node in ("cmp1", "cmp2") for unit in BY_MESSAGE}

CASES = {
    "all report": (site(), "settled", []),
    "one is seen to be silent for the first time": (site(silent={CONDUCTOR: LONG}), "wait", []),
    "one has not had its time to catch up": (
        site(silent={CONDUCTOR: LONG}, stalled={CONDUCTOR: NOW - progress.PATIENCE + 1}),
        "wait",
        [],
    ),
    "one does not catch up": (site(**HUNG), "restart", ["ctl1"]),
    "one of a compute node does not catch up": (
        site(silent={COMPUTE: LONG}, stalled=DUE),
        "restart",
        ["cmp1"],
    ),
    "a clock was set back": (
        site(silent={CONDUCTOR: LONG}, stalled={CONDUCTOR: NOW + 9999}),
        "wait",
        [],
    ),
    "one has caught up": (site(stalled=DUE), "settled", []),
    "one has been silent for less": (
        site(silent={CONDUCTOR: progress.STALLED}, stalled=DUE),
        "settled",
        [],
    ),
    "a person has stopped it": (site(**HUNG, units={CONDUCTOR: None}), "settled", []),
    "a person has forced it down": (site(**HUNG, forced={CONDUCTOR}), "settled", []),
    "its node is silent": (site(**HUNG, ctl1=None), "settled", []),
    "its node has an older module": (site(**HUNG, ctl1={"is_ready": True}), "settled", []),
    "it has just been started": (
        site(**HUNG, units={CONDUCTOR: {"started": 7, "active_for": progress.STALLED}}),
        "settled",
        [],
    ),
    "nobody reports": (
        site(silent={f"{node} {unit}": LONG for node in IDS for unit in names(node)}, stalled=DUE),
        "settled",
        [],
    ),
    "nobody reports by message": (site(silent=LAST, stalled=DUE), "settled", []),
    "another one reports by message": (
        site(silent={**LAST, "cmp2 nova-network": progress.REPORTS_WITHIN}, stalled=DUE),
        "restart",
        ["cmp1"],
    ),
    "another one's report by message is late": (
        site(silent={**LAST, "cmp2 nova-network": progress.REPORTS_WITHIN + 1}, stalled=DUE),
        "settled",
        [],
    ),
    "who writes into the database comes before who needs it to": (
        site(silent={COMPUTE: LONG, CONDUCTOR: LONG}, stalled=DUE),
        "restart",
        ["ctl1"],
    ),
    "one was restarted, and has its time to report": (
        site(silent={CONDUCTOR: LONG}, units={CONDUCTOR: RECENT}, restarted=BEFORE),
        "wait",
        [],
    ),
    "another one waits meanwhile": (
        site(
            silent={COMPUTE: LONG, CONDUCTOR: LONG},
            units={CONDUCTOR: RECENT},
            restarted=BEFORE,
            stalled=DUE,
        ),
        "wait",
        [],
    ),
    "one was restarted and reports": (
        site(units={CONDUCTOR: RECENT}, restarted=BEFORE),
        "settled",
        [],
    ),
    "one was restarted and stays silent": (
        site(silent={CONDUCTOR: LONG}, units={CONDUCTOR: AGAIN}, restarted=BEFORE),
        "refuse",
        ["ctl1"],
    ),
    "one was restarted and stays silent for longer than made it stall": (
        site(
            silent={CONDUCTOR: 99999},
            units={CONDUCTOR: {**AGAIN, "active_for": 9999}},
            restarted=BEFORE,
            stalled=DUE,
        ),
        "refuse",
        ["ctl1"],
    ),
    "one that stays silent holds no other up": (
        site(
            silent={COMPUTE: LONG, CONDUCTOR: LONG},
            units={CONDUCTOR: AGAIN},
            restarted=BEFORE,
            stalled=DUE,
        ),
        "restart",
        ["cmp1"],
    ),
    "one was restarted, and nobody reports any more": (
        site(
            silent={f"{node} {unit}": 99999 for node in IDS for unit in names(node)},
            units={CONDUCTOR: AGAIN},
            restarted=BEFORE,
        ),
        "settled",
        [],
    ),
    "its restart has failed": (site(**HUNG, restarted=BEFORE), "restart", ["ctl1"]),
    "one was restarted, reported, and hangs again": (
        site(
            silent={CONDUCTOR: LONG},
            units={CONDUCTOR: {"started": 8, "active_for": 9999}},
            restarted=BEFORE,
            stalled=DUE,
        ),
        "restart",
        ["ctl1"],
    ),
    "no controller knows": (
        site(**HUNG, **dict.fromkeys(IDS[:3], controller(services=None))),
        "wait",
        [],
    ),
    "a stranger is silent": (
        site(silent={"cmp9 nova-compute": LONG}, nodes=(*IDS, "cmp9")),
        "settled",
        [],
    ),
}


@pytest.mark.parametrize(("of", "verdict", "nodes"), CASES.values(), ids=CASES)
def test_rule(of, verdict, nodes):
    decision = decided(of)
    assert (decision["verdict"], decision["nodes"]) == (verdict, nodes), decision["why"]
    assert decision["subject"] == progress.SUBJECT
    assert (decision["way_out"] is None) is (verdict != "refuse")


def test_a_restart_names_unit_host_and_seconds_and_the_start_that_hangs():
    decision = decided(site(**HUNG))
    assert decision["arguments"] == {"unit": "nova-conductor", "started": 7}
    assert decision["why"] == (
        "nova-conductor of ctl1-host is active and has not reported for 300 s and more"
    )


def test_a_refusal_names_unit_host_and_seconds_and_where_to_look():
    restarted = {CONDUCTOR: 7, COMPUTE: 7}
    of = site(
        silent=dict.fromkeys(restarted, LONG),
        units=dict.fromkeys(restarted, AGAIN),
        restarted=restarted,
    )
    decision = decided(of)
    assert decision["nodes"] == ["ctl1", "cmp1"]
    assert decision["why"] == (
        "nova-conductor of ctl1-host, nova-compute of cmp1-host was restarted, and is active and "
        "has not reported for 120 s and more"
    )
    assert decision["way_out"] == (
        "docs/runbooks/compute-nodes.md, 'A service of Nova stays silent': "
        "`salt ctl1 cmd.run 'journalctl -n 50 -u nova-conductor'`"
    )


def test_what_is_decided_is_the_same_at_each_look_while_nothing_changes():
    """Else each look of the schedule would be told as a new one."""

    def later(seconds, **more):
        silent = {CONDUCTOR: LONG + seconds}
        return decided(site(silent=silent, now=NOW + seconds, **more))

    assert later(0, stalled={CONDUCTOR: NOW}) == later(30, stalled={CONDUCTOR: NOW})
    assert later(0, stalled=DUE) == later(30, stalled=DUE)
    lost = {"units": {CONDUCTOR: AGAIN}, "restarted": BEFORE}
    assert later(0, **lost) == later(30, **lost)


def test_since_when_one_is_silent_is_kept_until_it_reports():
    first = site(silent={CONDUCTOR: LONG})
    assert kept(first) == {"stalled": {CONDUCTOR: NOW}, "restarted": {}}
    second = site(silent={CONDUCTOR: LONG}, now=NOW + 60, **kept(first))
    assert kept(second)["stalled"] == {CONDUCTOR: NOW}
    assert kept(site(stalled=DUE)) == {"stalled": {}, "restarted": {}}


def test_a_restart_is_kept_until_it_has_reported():
    of = site(**HUNG)
    before = kept(of)["restarted"]
    assert before == BEFORE
    silent = site(silent={CONDUCTOR: LONG}, units={CONDUCTOR: AGAIN}, restarted=before)
    assert kept(silent) == {"stalled": {}, "restarted": BEFORE}
    assert kept(site(units={CONDUCTOR: AGAIN}, restarted=before))["restarted"] == {}


GONE = {
    "a person has stopped it": {"units": {CONDUCTOR: None}},
    "a person has forced it down": {"units": {CONDUCTOR: AGAIN}, "forced": {CONDUCTOR}},
}


@pytest.mark.parametrize("more", GONE.values(), ids=GONE)
def test_what_is_a_persons_is_no_longer_kept(more):
    of = site(silent={CONDUCTOR: LONG}, stalled=DUE, restarted=BEFORE, **more)
    assert kept(of) == {"stalled": {}, "restarted": {}}


UNKNOWN = {
    "its node is silent": ({"ctl1": None}, {CONDUCTOR}),
    "its node answers with an error": ({"ctl1": {"error": "no systemd"}}, {CONDUCTOR}),
    "no controller knows": (
        dict.fromkeys(IDS[:3], controller(services=None)),
        {CONDUCTOR, COMPUTE},
    ),
}


@pytest.mark.parametrize(("more", "names"), UNKNOWN.values(), ids=UNKNOWN)
def test_what_is_unknown_is_kept_as_it_is(more, names):
    restarted = {CONDUCTOR: 7, COMPUTE: 7}
    found = kept(site(stalled=DUE, restarted=restarted, **more))
    assert {what: set(one) for what, one in found.items()} == {
        "stalled": names,
        "restarted": names,
    }


def test_a_node_that_is_no_more_is_not_kept():
    assert kept(site(stalled={"cmp9 nova-compute": 1.0}))["stalled"] == {}


def test_a_master_that_is_not_obeyed_keeps_no_restart():
    of = site(**HUNG)
    said = openstack_ha_rule.stand_back({"ctl2": "m2"}, decided(of))
    assert rule.remember(of, said)["restarted"] == {}


def test_nobody_waits_for_it_and_after_a_restart_it_is_looked_at_once():
    of = site(**HUNG, cmp2=compute(is_mapped=False))
    decision = decided(of)
    assert rule.listeners(of, decision) == []
    assert rule.again(of, decision, {}) == 0
    assert rule.again(of, decision, {"ctl1": "it does not start"}) is None
    assert rule.again(site(), decided(site()), None) is None


SHOWN = """\
Id=nova-conductor.service
ActiveState=active
ActiveEnterTimestampMonotonic=2500000

Id=nova-scheduler.service
ActiveState=activating
ActiveEnterTimestampMonotonic=0

Id=nova-compute.service
ActiveState=inactive
ActiveEnterTimestampMonotonic=1000000
"""


def test_units_are_active_since_a_moment_of_the_boot():
    assert progress.active(SHOWN, 12.9) == {
        "nova-conductor": {"started": 2500000, "active_for": 10}
    }
    assert progress.active("", 12.9) == {}


def test_units_that_report_are_those_of_the_parameters():
    path = ROOT / "openstack_ha/parameters/Debian-12.yaml"
    parameters = yaml.safe_load(path.read_text(encoding="utf-8"))
    named = {part: one["service"] for part, one in parameters["nova"]["units"].items()}
    assert progress.UNITS.items() <= named.items()


def test_a_node_has_the_units_of_its_systems():
    assert progress.units(["nova.api", "nova.conductor", "nova.console"]) == ["nova-conductor"]
    assert progress.units(["nova.metadata", "nova_network", "nova.compute"]) == list(BY_MESSAGE)
    assert progress.units(["swift.proxy"]) == []


@given(
    st.dictionaries(
        st.sampled_from([f"{node} {unit}" for node in IDS for unit in names(node)]),
        st.tuples(st.integers(-100, 1000), st.integers(0, 1000), st.sampled_from([7, 8])),
    ),
    st.dictionaries(st.sampled_from([CONDUCTOR, COMPUTE]), st.integers(0, 1200)),
    st.dictionaries(st.sampled_from([CONDUCTOR, COMPUTE]), st.sampled_from([7, 8])),
)
def test_nobody_is_restarted_who_is_not_long_active_and_silent(said, stalled, restarted):
    units = {name: {"started": one[2], "active_for": one[1]} for name, one in said.items()}
    silent = {name: one[0] for name, one in said.items()}
    of = site(silent=silent, units=units, stalled=stalled, restarted=restarted)
    decision = decided(of)
    if decision["verdict"] == "restart":
        (node,) = decision["nodes"]
        name = f"{node} {decision['arguments']['unit']}"
        silent_for, active_for, started = said[name]
        assert min(silent_for, active_for) > progress.STALLED
        assert started == decision["arguments"]["started"]
        assert stalled[name] <= NOW - progress.PATIENCE
        assert name not in restarted or restarted[name] == started or silent_for <= active_for
        assert kept(of)["restarted"][name] == started


@pytest.mark.parametrize("seed", range(8))
def test_whatever_happens_nobody_is_restarted_twice_in_one_silence(seed):
    """Looks, one after another, at services that fall silent, report again, or never do."""
    rng, now, records = random.Random(seed), NOW, {}
    all_names = [f"{node} {unit}" for node in IDS for unit in names(node)]
    reported, began = dict.fromkeys(all_names, now), dict.fromkeys(all_names, now - 9999)
    hung, incurable, restarts = set(), set(), dict.fromkeys(all_names, 0)

    def look(**found):
        silent = {name: int(now - reported[name]) for name in all_names}
        units = {
            name: {"started": int(began[name]), "active_for": int(now - began[name])}
            for name in all_names
        }
        of = site(silent=silent, units=units, now=now, **records, **found)
        decision = decided(of)
        records.update(rule.remember(of, decision))
        if decision["verdict"] == "restart":
            name = f"{decision['nodes'][0]} {decision['arguments']['unit']}"
            began[name] = now
            restarts[name] += 1
            hung.difference_update({name} - incurable)

    for at in range(300):
        now += rng.choice((5, 30, 30, 90))
        if at < 200:
            name = rng.choice(all_names)
            # One that hangs again before it has reported is in the same silence.
            if rng.random() < 0.1 and not restarts[name]:
                hung.add(name)
                incurable.update(rng.choice(([], [name])))
            elif rng.random() < 0.1:
                hung.discard(name)
                incurable.discard(name)
        for name in set(all_names) - hung:
            reported[name], restarts[name] = now, 0
        gone = rng.sample(IDS, rng.choice((0, 0, 1))) if at < 200 else []
        look(**dict.fromkeys(gone))
        assert max(restarts.values()) <= 1
    by_message = {name for name in set(all_names) - hung if name.split()[1] in BY_MESSAGE}
    left = {name for name in hung - incurable if name.split()[1] in DIRECT or by_message}
    assert left == set(), "whom a restart helps was restarted, where another one reports"
