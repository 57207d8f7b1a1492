"""The election: each rule by name."""

import openstack_ha_galera_election as election
import pytest

MEMBERS = ["ctl1", "ctl2", "ctl3"]
UUID = "5a1b2c3d-0000-11ee-9999-0123456789ab"
OTHER = "99999999-0000-11ee-9999-0123456789ab"
ZERO = "00000000-0000-0000-0000-000000000000"


def evidence(**more):
    """Of a stopped, configured server that has nothing to lose."""
    return {
        "is_ready": True,
        "server": "stopped",
        "is_outdated": False,
        "wsrep": None,
        "position": None,
        "safe_to_bootstrap": False,
        "last_view": None,
        "is_pristine": True,
        "is_receiving": False,
        "floor": None,
        **more,
    }


def stopped(seqno, uuid=UUID, **more):
    return evidence(**{"is_pristine": False, "position": {"uuid": uuid, "seqno": seqno}, **more})


def running(status="Primary", local_state=4, uuid=UUID, **more):
    wsrep = {
        "cluster_status": status,
        "local_state": local_state,
        "state_uuid": uuid,
        **more.pop("wsrep", {}),
    }
    return evidence(server="running", is_pristine=False, wsrep=wsrep, **more)


def decide(*found, floor=None, **more):
    more = {"has_restarted": True, "without_primary": 60, **more}
    found = dict(zip(MEMBERS, found, strict=True))
    decision = election.decide("demo", MEMBERS, found, floor, **more)
    assert decision["way_out"] or decision["verdict"] != "refuse"
    assert not decision["way_out"] or decision["verdict"] in ("refuse", "wait")
    return decision


def word(decision):
    return decision["verdict"], decision["nodes"]


CASES = {
    "first install takes the first in the pillar's order": (
        [evidence(), evidence(), evidence()],
        ("bootstrap", ["ctl1"]),
    ),
    "first install waits for the first one's server": (
        [evidence(is_ready=False), evidence(), evidence()],
        ("wait", []),
    ),
    "first install does not wait for the others' servers": (
        [evidence(), evidence(is_ready=False), evidence(is_ready=False)],
        ("bootstrap", ["ctl1"]),
    ),
    "an unknown member may know better": ([evidence(), evidence(), None], ("wait", [])),
    "somebody is Primary, so the next one joins": (
        [running(), evidence(), evidence()],
        ("join", ["ctl2"]),
    ),
    "one joins at a time": (
        [running(), running(local_state=1), evidence()],
        ("wait", []),
    ),
    "a donor is not disturbed": ([running(local_state=2), evidence(), evidence()], ("wait", [])),
    "one that somebody has desynced keeps nobody from joining": (
        [running(), running(local_state=2, wsrep={"is_desynced": True}), stopped(5)],
        ("join", ["ctl3"]),
    ),
    "nobody joins where all are desynced": (
        [running(local_state=2, wsrep={"is_desynced": True}), None, stopped(5)],
        ("wait", []),
    ),
    "no new configuration is taken beside one that is desynced": (
        [
            running(is_outdated=True),
            running(local_state=2, wsrep={"is_desynced": True}),
            running(),
        ],
        ("wait", []),
    ),
    "a joiner that starts is not disturbed": (
        [running(), evidence(server="starting"), evidence()],
        ("wait", []),
    ),
    "an unknown member does not keep others from joining": (
        [running(), None, stopped(5)],
        ("join", ["ctl3"]),
    ),
    "data of another cluster is not wiped": (
        [running(), stopped(9, OTHER), running()],
        ("refuse", ["ctl2"]),
    ),
    "a half received copy is not another cluster": (
        [running(), stopped(9, OTHER, is_receiving=True), running()],
        ("join", ["ctl2"]),
    ),
    "an unknown seqno of the same cluster joins": (
        [running(), stopped(-1), running()],
        ("join", ["ctl2"]),
    ),
    "a database that never was in a cluster is not wiped": (
        [running(), stopped(-1, ZERO), running()],
        ("refuse", ["ctl2"]),
    ),
    "writes that the Primary component lacks are not wiped": (
        [running(wsrep={"last_committed": 7}), stopped(8), stopped(7)],
        ("join", ["ctl3"]),
    ),
    "writes that the Primary component lacks are refused": (
        [running(wsrep={"last_committed": 7}), stopped(8), running()],
        ("refuse", ["ctl2"]),
    ),
    "a server that left for good is stopped, to join again": (
        [running(), running("Disconnected", 0, ""), running()],
        ("stand_down", ["ctl2"]),
    ),
    "everybody is Synced": ([running(), running(), running()], ("settled", [])),
    "two Primary components are refused": (
        [running(), running(uuid=OTHER), evidence()],
        ("refuse", []),
    ),
    "two Primary components of one cluster are refused": (
        [
            running(wsrep={"incoming_addresses": "10.0.0.1:3306"}),
            running(wsrep={"incoming_addresses": "10.0.0.2:3306"}),
            evidence(),
        ],
        ("refuse", []),
    ),
    "members of one component may be asked before and after one joined": (
        [
            running(wsrep={"incoming_addresses": "10.0.0.1:3306"}),
            running(wsrep={"incoming_addresses": "10.0.0.1:3306,10.0.0.2:3306"}),
            evidence(),
        ],
        ("join", ["ctl3"]),
    ),
    "addresses that the server does not tell are no evidence": (
        [
            running(wsrep={"incoming_addresses": "AUTO"}),
            running(wsrep={"incoming_addresses": ""}),
            running(),
        ],
        ("settled", []),
    ),
    "a new configuration is taken by one": (
        [running(), running(is_outdated=True), running(is_outdated=True)],
        ("restart", ["ctl2"]),
    ),
    "a new configuration waits for who is away": (
        [running(), running(is_outdated=True), None],
        ("wait", []),
    ),
    "the highest position wins": ([stopped(5), stopped(7), stopped(6)], ("bootstrap", ["ctl2"])),
    "numbers are compared as numbers": (
        [stopped(9), stopped(2**62), stopped(10)],
        ("bootstrap", ["ctl2"]),
    ),
    "a tie goes to the safe one": (
        [stopped(7), stopped(7, safe_to_bootstrap=True), stopped(6)],
        ("bootstrap", ["ctl2"]),
    ),
    "a tie without a safe one goes by order": (
        [stopped(6), stopped(7), stopped(7)],
        ("bootstrap", ["ctl2"]),
    ),
    "a stale safe flag does not win": (
        [stopped(5, safe_to_bootstrap=True), stopped(7), stopped(7)],
        ("bootstrap", ["ctl2"]),
    ),
    "a safe flag with seqno -1 does not win": (
        [stopped(-1, safe_to_bootstrap=True), stopped(7), stopped(7)],
        ("refuse", []),
    ),
    "a safe flag with a zero UUID does not win": (
        [stopped(3, ZERO, safe_to_bootstrap=True), stopped(7), stopped(7)],
        ("refuse", []),
    ),
    "an unknown seqno of another cluster is another cluster": (
        [stopped(5), stopped(-1, OTHER), stopped(6)],
        ("refuse", []),
    ),
    "a tie goes to one that can start": (
        [stopped(7, is_ready=False, safe_to_bootstrap=True), stopped(7), stopped(6)],
        ("bootstrap", ["ctl2"]),
    ),
    "the newest data waits for its server": (
        [stopped(7, is_ready=False), stopped(6), stopped(6)],
        ("wait", []),
    ),
    "an empty directory with a position is data": (
        [evidence(), stopped(7, is_pristine=True), evidence()],
        ("bootstrap", ["ctl2"]),
    ),
    "a part of a donor's data is no first install": (
        [evidence(), evidence(is_receiving=True), evidence()],
        ("refuse", []),
    ),
    "only a part of a donor's data is left": (
        [evidence(), stopped(7, is_receiving=True), evidence()],
        ("refuse", []),
    ),
    "all but one are wiped": ([evidence(), evidence(), stopped(7)], ("bootstrap", ["ctl3"])),
    "different clusters are refused": (
        [stopped(5), stopped(7, OTHER), stopped(6)],
        ("refuse", []),
    ),
    "a wiped one does not count": ([evidence(), stopped(7), stopped(6)], ("bootstrap", ["ctl2"])),
    "a half received copy does not count": (
        [stopped(99, is_receiving=True), stopped(7), stopped(6)],
        ("bootstrap", ["ctl2"]),
    ),
    "a survivor without a Primary component stands down to be compared": (
        [running("non-Primary"), stopped(7), stopped(7)],
        ("stand_down", ["ctl1"]),
    ),
    "every survivor stands down before anybody starts": (
        [running("non-Primary"), stopped(7), running("non-Primary")],
        ("stand_down", ["ctl1", "ctl3"]),
    ),
    "who joins for ever without a Primary component stands down too": (
        [running("non-Primary"), evidence(), stopped(7, server="joining")],
        ("stand_down", ["ctl1", "ctl3"]),
    ),
    "who recovers its own data is left alone": (
        [running("non-Primary"), evidence(), stopped(7, server="starting")],
        ("wait", []),
    ),
    "who joins a Primary component is not disturbed": (
        [running(), evidence(), evidence(server="joining")],
        ("wait", []),
    ),
    "survivors stay while a member is unknown": (
        [running("non-Primary"), None, running("non-Primary")],
        ("wait", []),
    ),
    "a server outside the component is left to find it": (
        [running(), running(), running("non-Primary")],
        ("wait", []),
    ),
    "a server outside the component keeps nobody from joining": (
        [running(), stopped(7), running("non-Primary")],
        ("join", ["ctl2"]),
    ),
}


@pytest.mark.parametrize(("found", "expected"), CASES.values(), ids=CASES)
def test_rule(found, expected):
    assert word(decide(*found)) == expected


def test_a_cluster_that_was_is_never_installed_anew():
    decision = decide(evidence(), evidence(), evidence(), floor={"uuid": UUID, "seqno": 3})
    assert decision["verdict"] == "refuse"
    assert f"{UUID}:3" in decision["why"]


FLOOR_8 = {"uuid": UUID, "seqno": 8}
OTHER_FLOOR = {"uuid": OTHER, "seqno": 1}


@pytest.mark.parametrize("floor", [FLOOR_8, OTHER_FLOOR])
def test_below_the_floor_is_refused(floor):
    assert decide(stopped(7), stopped(7), stopped(7), floor=floor)["verdict"] == "refuse"


FLOORS = {
    "a node's counts where the master lost its own": (
        [stopped(7), stopped(7), stopped(7, floor=FLOOR_8)],
        None,
        ("refuse", []),
    ),
    "a node's counts beyond the master's": (
        [stopped(7), stopped(7), stopped(7, floor=FLOOR_8)],
        {"uuid": UUID, "seqno": 6},
        ("refuse", []),
    ),
    "the master's counts beyond a node's": (
        [stopped(7, floor={"uuid": UUID, "seqno": 6}), stopped(7), stopped(7)],
        FLOOR_8,
        ("refuse", []),
    ),
    "a node's of another cluster is its own past": (
        [stopped(8), stopped(8), evidence(floor=OTHER_FLOOR)],
        FLOOR_8,
        ("bootstrap", ["ctl1"]),
    ),
    "nodes that disagree decide nothing without a master's": (
        [stopped(8, floor=FLOOR_8), stopped(8), evidence(floor=OTHER_FLOOR)],
        None,
        ("refuse", []),
    ),
    "a node's forbids a first install": (
        [evidence(), evidence(floor=FLOOR_8), evidence()],
        None,
        ("refuse", []),
    ),
    "an unknown position is no floor": (
        [evidence(), evidence(floor={"uuid": ZERO, "seqno": -1}), evidence()],
        None,
        ("bootstrap", ["ctl1"]),
    ),
}


@pytest.mark.parametrize(("found", "floor", "expected"), FLOORS.values(), ids=FLOORS)
def test_floors(found, floor, expected):
    assert word(decide(*found, floor=floor)) == expected


VIEW = ["a", "b", "c"]
VIEWS = {
    "everybody's is restarted": ([stopped(7, last_view=VIEW)] * 3, ("launch", MEMBERS)),
    "an unknown position starts with its view": (
        [stopped(7, last_view=VIEW), stopped(-1, last_view=VIEW), stopped(7, last_view=VIEW)],
        ("launch", MEMBERS),
    ),
    "who joins already is completed": (
        [evidence(server="joining", is_pristine=False, last_view=VIEW)] * 2
        + [stopped(7, last_view=VIEW)],
        ("launch", ["ctl3"]),
    ),
    "a survivor's file is not read": (
        [running("non-Primary"), stopped(7, last_view=VIEW), stopped(7, last_view=VIEW)],
        ("launch", ["ctl2", "ctl3"]),
    ),
    "an empty node was in none": (
        [evidence(), stopped(7, last_view=["b", "c"]), stopped(7, last_view=["c", "b"])],
        ("launch", ["ctl2", "ctl3"]),
    ),
    "a stale one would wipe newer data": (
        [stopped(9), stopped(7, last_view=["b", "c"]), stopped(7, last_view=["b", "c"])],
        ("bootstrap", ["ctl1"]),
    ),
    "a stale one of itself alone would be a second component": (
        [stopped(9, last_view=["a"]), stopped(7, last_view=["b"]), evidence()],
        ("bootstrap", ["ctl1"]),
    ),
    "a member that was wiped never comes back to it": (
        [evidence(), stopped(7, last_view=VIEW), stopped(7, last_view=VIEW)],
        ("bootstrap", ["ctl2"]),
    ),
    "it does not excuse data of another cluster": (
        [stopped(7, OTHER, last_view=VIEW), *[stopped(7, last_view=VIEW)] * 2],
        ("refuse", []),
    ),
}


@pytest.mark.parametrize(("found", "expected"), VIEWS.values(), ids=VIEWS)
def test_the_last_view(found, expected):
    assert word(decide(*found, has_restarted=False)) == expected


def test_the_last_view_is_tried_once():
    found = [stopped(7, last_view=VIEW)] * 3
    assert word(decide(*found, has_restarted=True)) == ("bootstrap", ["ctl1"])


def test_the_last_view_does_not_go_below_the_floor():
    found = [stopped(7, last_view=VIEW)] * 3
    assert word(decide(*found, has_restarted=False, floor=FLOOR_8)) == ("refuse", [])


LATE = {
    "the highest known position is named": (
        [stopped(5), stopped(7), None],
        "lost-node.md, 'A controller does not answer': "
        "`salt-run openstack_ha_galera.recover demo node=ctl2`",
    ),
    "a survivor's position is what it committed": (
        [running("non-Primary", wsrep={"last_committed": 9}), stopped(7), None],
        "`salt-run openstack_ha_galera.recover demo node=ctl1`",
    ),
    "without a position the evidence is shown": (
        [evidence(), stopped(-1), None],
        "`salt-run openstack_ha_coordinator.plan demo galera`",
    ),
    "a half received copy is not named": (
        [stopped(99, is_receiving=True), stopped(7), None],
        "`salt-run openstack_ha_galera.recover demo node=ctl2`",
    ),
    "an old module is brought up to date": (
        [{"server": "stopped"}, stopped(7), stopped(6)],
        "`salt ctl1 saltutil.sync_all`",
    ),
}


@pytest.mark.parametrize(("found", "way_out"), LATE.values(), ids=LATE)
def test_patience_ends_with_a_way_out(found, way_out):
    assert word(decide(*found, without_primary=election.PATIENCE - 1)) == ("wait", [])
    decision = decide(*found, without_primary=election.PATIENCE)
    assert word(decision) == ("refuse", [])
    assert decision["way_out"].endswith(way_out)


def test_a_long_start_is_waited_for_and_tells_where_to_look():
    found = [evidence(server="starting"), stopped(7), stopped(6)]
    assert decide(*found, without_primary=election.PATIENCE - 1)["way_out"] is None
    decision = decide(*found, without_primary=election.PATIENCE)
    assert word(decision) == ("wait", [])
    assert decision["way_out"].endswith("`salt ctl1 openstack_ha_galera.status`")


def test_who_remembers_no_view_is_not_given_time():
    found = [stopped(7, server="joining", position=None), evidence(server="joining"), stopped(7)]
    assert word(decide(*found, without_primary=0)) == ("stand_down", ["ctl1", "ctl2"])


def test_a_member_that_comes_back_ends_the_refusal():
    found = [stopped(5), stopped(7), stopped(6)]
    assert word(decide(*found, without_primary=election.PATIENCE)) == ("bootstrap", ["ctl2"])


@pytest.mark.parametrize("key", sorted(election.SHAPE))
def test_evidence_without_a_key_is_not_known(key):
    partial = evidence()
    del partial[key]
    assert word(decide(partial, evidence(), evidence())) == ("wait", [])


UNKNOWN = {
    "running without a wsrep status": evidence(server="running"),
    "running without a state": evidence(server="running", wsrep={"cluster_status": "non-Primary"}),
    "in a state nobody knows": evidence(server="absent"),
    "a seqno as text": stopped("7"),
    "an error's text": "Traceback",
    "a floor that is none": evidence(floor="7"),
}


@pytest.mark.parametrize("found", UNKNOWN.values(), ids=UNKNOWN)
def test_broken_evidence_is_not_known(found):
    assert word(decide(stopped(7), found, stopped(7))) == ("wait", [])


def test_a_primary_server_counts_whatever_else_it_does_not_tell():
    found = [{"wsrep": {"cluster_status": "Primary"}}, stopped(7), stopped(7)]
    assert word(decide(*found, chosen="ctl2")) == ("refuse", [])


def test_the_operators_choice_does_not_pass_over_who_answers_with_an_old_module():
    found = [{"server": "running"}, stopped(7), stopped(7)]
    assert word(decide(*found, chosen="ctl2")) == ("refuse", [])


def test_survivors_have_time_to_find_each_other():
    found = [running("non-Primary"), running("non-Primary"), stopped(7)]
    assert word(decide(*found, without_primary=election.REUNION - 1)) == ("wait", [])
    assert decide(*found, without_primary=election.REUNION)["verdict"] == "stand_down"


CHOSEN = {
    "over an unknown member": ([stopped(5), stopped(4), None], ("bootstrap", ["ctl2"])),
    "over a higher position": ([stopped(5), stopped(4), stopped(6)], ("bootstrap", ["ctl2"])),
    "over another cluster's data": (
        [stopped(5, OTHER), stopped(4), stopped(6)],
        ("bootstrap", ["ctl2"]),
    ),
    "never over a Primary component": ([running(), stopped(4), None], ("join", ["ctl2"])),
    "after the others stand down": (
        [running("non-Primary"), stopped(4), None],
        ("stand_down", ["ctl1"]),
    ),
    "not without a known position": ([stopped(5), stopped(-1), stopped(6)], ("refuse", [])),
    "not without data": ([stopped(5), evidence(), stopped(6)], ("refuse", [])),
    "not from a half received copy": (
        [stopped(5), stopped(7, is_receiving=True), stopped(6)],
        ("refuse", []),
    ),
    "not without a configured server": (
        [stopped(5), stopped(7, is_ready=False), stopped(6)],
        ("refuse", []),
    ),
    "not when it does not answer": ([stopped(5), None, stopped(6)], ("refuse", [])),
}


@pytest.mark.parametrize(("found", "expected"), CHOSEN.values(), ids=CHOSEN)
def test_the_operators_choice(found, expected):
    assert word(decide(*found, chosen="ctl2")) == expected


DESYNCED = "docs/runbooks/lost-node.md, 'A server stays Donor/Desynced': "


def test_who_was_desynced_by_somebody_is_named_with_what_ends_it():
    decision = decide(
        running(), running(local_state=2, wsrep={"is_desynced": True}), running(), without_primary=0
    )
    assert decision["way_out"] == DESYNCED + "`salt ctl2 openstack_ha_galera.resync`"


def test_a_donor_to_whom_nobody_listens_is_named_after_a_while():
    found = [running(), running(local_state=2), stopped(5)]
    assert decide(*found, donating=election.PATIENCE - 1)["way_out"] is None
    decision = decide(*found, donating=election.PATIENCE)
    assert decision["way_out"] == DESYNCED + "`salt ctl2 openstack_ha_galera.status`"


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ([running(), running(local_state=2), None], True),
        ([running(), running(local_state=2), evidence(server="joining")], False),
        ([running(), running(local_state=2, wsrep={"is_desynced": True}), None], False),
        ([running(), running(), {"wsrep": {"local_state": 2}}], False),
    ],
)
def test_an_idle_donor(found, expected):
    assert election.is_donating(dict(zip(MEMBERS, found, strict=True))) is expected


def test_the_floor_is_what_synced_servers_tell_in_full():
    floor = election.reached(
        {
            "ctl1": running(wsrep={"last_committed": 7}),
            "ctl2": {"wsrep": {"cluster_status": "Primary", "local_state": 4}},
            "ctl3": {"lacks": "openstack_ha_galera.evidence"},
            "ctl4": None,
        }
    )
    assert floor == {"uuid": UUID, "seqno": 7}
