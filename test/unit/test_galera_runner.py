"""Galera's runner over three servers: what it tells them, in which order, and what it keeps."""

import openstack_ha_galera_election as election
import pytest
from runners import Master, Nodes
from salt.exceptions import SaltRunnerError

CONTROLLERS = ("ctl1", "ctl2", "ctl3")
UUID = "f0000000-0000-11ee-9999-0123456789ab"
OTHER = "e0000000-0000-11ee-9999-0123456789ab"


class Server:
    """One server and its data."""

    def __init__(self, uuid=None, seqno=-1, **more):
        self.facts = {
            "is_ready": True,
            "server": "stopped",
            "is_outdated": False,
            "wsrep": None,
            "position": {"uuid": uuid, "seqno": seqno} if uuid else None,
            "safe_to_bootstrap": False,
            "last_view": None,
            "is_pristine": uuid is None,
            "is_receiving": False,
            "floor": None,
            **more,
        }

    def run(self, uuid=UUID, status="Primary", seqno=5):
        wsrep = {"cluster_status": status, "local_state": 4 if status == "Primary" else 0}
        wsrep |= {"state_uuid": uuid, "last_committed": seqno, "incoming_addresses": ""}
        self.facts.update(server="running", wsrep=wsrep, position=None, is_pristine=False)
        return self


class Servers(Nodes):
    """The controllers' servers."""

    def __init__(self, *servers):
        super().__init__(CONTROLLERS)
        self.of = dict(zip(CONTROLLERS, servers, strict=True))

    def evidence(self, node):
        return dict(self.of[node].facts)

    def bootstrap(self, node, position):
        self.of[node].run()
        return {}

    def join(self, node):
        running = [one for one in self.of.values() if one.facts["wsrep"]]
        assert running, "a member is started while there is nothing to join"
        self.of[node].run()
        return {}

    def restart(self, node):
        self.of[node].facts["is_outdated"] = False
        return {}

    def launch(self, node):
        self.of[node].facts["server"] = "joining"
        return {}

    def stand_down(self, node):
        view = self.of[node].facts["last_view"]
        self.of[node].facts.update(Server(UUID, 5, last_view=view).facts)
        return {}

    def forget(self, node):
        return {"forgotten": None}


@pytest.fixture
def master(tmp_path):
    """Return a function that makes a master of servers."""
    return lambda *servers: Master(tmp_path, Servers(*servers))


def answer(master):
    return [
        one["verdict"] for one in master.run("openstack_ha_coordinator.answer", "demo", "galera")
    ]


def test_a_first_install_has_one_first_server_and_then_one_join_after_the_other(master):
    of = master(Server(), Server(), Server())
    assert answer(of) == ["bootstrap", "join", "join", "settled"]
    assert of.orders("galera") == [
        (("ctl1",), "bootstrap"),
        (("ctl2",), "join"),
        (("ctl3",), "join"),
    ]
    assert of.nodes.arguments["bootstrap"] == {"position": None}
    assert of.nodes.heard[:3] == [(node, "bootstrap") for node in CONTROLLERS]
    # Who is Synced waits for no word.
    assert of.nodes.heard[3:] == [("ctl2", "join"), ("ctl3", "join"), ("ctl3", "join")]
    tags = {tag for tag, _ in of.events}
    assert tags == {"openstack_ha/demo/galera/decision"}
    assert of.clock.slept == [0, 0, 0]


def test_what_settles_is_kept_as_the_floor(master):
    of = master(Server().run(), Server().run(seqno=9), Server().run())
    assert answer(of) == ["settled"]
    record = of.record("demo.galera")
    assert record["floor"] == {"uuid": UUID, "seqno": 9}
    assert record["without_primary_since"] is None
    assert record["has_restarted"] is False


def test_a_server_below_the_floor_is_no_first_one(master):
    of = master(Server().run(), Server().run(), Server().run())
    answer(of)
    for node in CONTROLLERS:
        of.nodes.of[node].facts.update(Server(UUID, 3).facts)
    assert answer(of) == ["refuse"]
    assert of.orders("galera") == []


def test_everybody_is_asked_again_before_a_bootstrap(master):
    of = master(Server(UUID, 5), Server(UUID, 7), Server(UUID, 6))
    assert answer(of)[0] == "bootstrap"
    first = next(at for at, one in enumerate(of.sent) if one[1].endswith(".bootstrap"))
    questions = [one for one in of.sent[:first] if one[1].endswith(".evidence")]
    assert [nodes for nodes, _fun, _arguments in questions] == [CONTROLLERS] * 2
    assert of.sent[first][0] == ("ctl2",)
    assert of.nodes.arguments["bootstrap"] == {"position": {"uuid": UUID, "seqno": 7}}


CHANGES = {
    "a peer says nothing any more": lambda of: of.nodes.silent.add("ctl3"),
    "a Primary component has come": lambda of: of.nodes.of["ctl3"].run(),
    "another one is ahead": lambda of: of.nodes.of["ctl3"].facts.update(Server(UUID, 9).facts),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_the_second_look_before_a_bootstrap_changes_its_mind(master, change):
    of = master(Server(UUID, 5), Server(UUID, 7), Server(UUID, 6))
    of.nodes.at_look[2] = lambda: change(of)
    assert answer(of)[0] == "bootstrap"
    assert (("ctl2",), "bootstrap") not in of.orders("galera")


def test_a_step_that_fails_is_not_repeated_at_once(master):
    of = master(Server(), Server(), Server())
    of.nodes.broken = {"ctl1"}
    assert answer(of) == ["bootstrap"]
    assert of.orders("galera") == [(("ctl1",), "bootstrap")]
    # The lease is free again.
    assert of.run("openstack_ha_lease.show", "demo.galera")["owner"] is None


def test_different_clusters_are_refused_and_only_told(master):
    of = master(Server(UUID, 5), Server(OTHER, 7), Server(UUID, 6))
    assert answer(of) == ["refuse"]
    assert of.orders("galera") == []
    assert {verdict for _, verdict in of.nodes.heard} == {"refuse"}


def test_a_refusal_is_told_to_those_whom_it_is_about(master):
    of = master(Server().run(), Server(OTHER, 7), Server(UUID, 99))
    (decision,) = of.run("openstack_ha_coordinator.answer", "demo", "galera")
    assert decision["verdict"] == "refuse"
    assert {node for node, _ in of.nodes.heard} == set(decision["nodes"])
    assert len(decision["nodes"]) == 1


def test_a_new_configuration_is_taken_by_one_after_the_other(master):
    of = master(*(Server(is_outdated=True).run() for _ in CONTROLLERS))
    assert answer(of) == ["restart", "restart", "restart", "settled"]
    assert of.orders("galera") == [((node,), "restart") for node in CONTROLLERS]


def test_the_last_view_is_launched_once_and_then_the_newest_data_wins(master):
    view = [f"{one}-0000" for one in CONTROLLERS]
    servers = [Server(UUID, 5, last_view=view) for _ in CONTROLLERS]
    of = master(*servers)
    of.run("openstack_ha_coordinator.answer", "demo", "galera")
    steps = of.orders("galera")
    assert steps[0] == (CONTROLLERS, "launch")
    assert [step for _, step in steps].count("launch") == 1
    assert of.clock.slept.count(2) > 1, "servers that look for one another are looked at again"


def test_servers_that_move_are_looked_at_until_they_have_a_component(master):
    of = master(*(Server().run(status="non-Primary") for _ in CONTROLLERS))

    def reunite():
        for one in of.nodes.of.values():
            one.run()

    of.nodes.at_look[4] = reunite
    assert answer(of) == ["wait", "settled"]
    assert of.clock.slept == [2, 2, 2]
    assert of.orders("galera") == []


def test_who_is_silent_for_long_becomes_a_refusal_with_its_way_out(master):
    of = master(Server(UUID, 5), Server(UUID, 5), Server(UUID, 5))
    of.nodes.silent = {"ctl3"}
    assert answer(of) == ["wait"]
    since = of.record("demo.galera")["without_primary_since"]
    of.clock.now += election.PATIENCE - 1
    assert answer(of) == ["wait"]
    assert of.record("demo.galera")["without_primary_since"] == since
    of.clock.now += 1
    (decision,) = of.run("openstack_ha_coordinator.answer", "demo", "galera")
    assert (decision["verdict"], "lost-node.md" in decision["way_out"]) == ("refuse", True)
    # It ends with its cause.
    of.nodes.silent = set()
    assert answer(of)[-1] == "settled"


def test_members_of_another_master_are_left_to_it(master):
    of = master(Server(), Server(), Server())
    for node in ("ctl1", "ctl2"):
        of.minions[node].module.serve("m2", "openstack_ha_galera.forget")
    (decision,) = of.run("openstack_ha_coordinator.answer", "demo", "galera")
    assert decision["why"] == "ctl1 obeys the master m2, ctl2 obeys the master m2"
    assert of.orders("galera") == []
    # The one with fewer lets go of its own.
    assert (("ctl3",), "openstack_ha_master.leave", {}) in of.sent


def test_a_recovery_is_only_told_until_it_is_wanted(master):
    of = master(Server(UUID, 5), Server(OTHER, 7), Server(UUID, 6))
    told = of.run("openstack_ha_galera.recover", "demo", node="ctl3")
    assert (told["verdict"], told["nodes"]) == ("bootstrap", ["ctl3"])
    assert (of.orders("galera"), of.record("demo.galera"), of.nodes.heard) == ([], {}, [])
    of.nodes.of["ctl2"].facts.update(Server().facts)
    done = of.run("openstack_ha_galera.recover", "demo", node="ctl3", dry_run=False)
    assert [one["verdict"] for one in done] == ["bootstrap", "join", "join", "settled"]
    assert of.orders("galera")[0] == (("ctl3",), "bootstrap")


def test_a_recovery_names_what_is_no_controller(master):
    of = master(Server(), Server(), Server())
    with pytest.raises(SaltRunnerError, match="sto1 is no controller of demo; these are: ctl1"):
        of.run("openstack_ha_galera.recover", "demo", node="sto1")


def test_a_recovery_waits_for_who_is_at_it_and_says_so(master):
    of = master(Server(UUID, 5), Server(UUID, 5), Server(UUID, 5))
    token = of.run("openstack_ha_lease.acquire", "demo.galera", 3600)
    begin = of.clock.now
    with pytest.raises(SaltRunnerError, match=r"`salt-run openstack_ha_lease.show demo.galera`"):
        of.run("openstack_ha_galera.recover", "demo", dry_run=False)
    assert of.clock.now - begin >= 300
    assert of.run("openstack_ha_coordinator.answer", "demo", "galera") is None
    assert of.orders("galera") == []
    of.run("openstack_ha_lease.release", "demo.galera", token)
    assert answer(of)[-1] == "settled"


def test_what_is_shown_changes_nothing(master):
    of = master(Server(UUID, 5), Server(UUID, 5), Server(UUID, 5))
    shown = of.run("openstack_ha_coordinator.plan", "demo", "galera")["data"]
    (decision,) = shown["decisions"]
    assert decision["verdict"] == "bootstrap"
    assert shown["evidence"] == of.run("openstack_ha_coordinator.evidence", "demo", "galera")
    assert shown["kept"] == {}
    assert of.orders("galera") == []
    assert of.record("demo.galera") == {}


def test_a_forgotten_floor_is_forgotten_everywhere(master):
    of = master(Server().run(), Server().run(), Server().run())
    answer(of)
    of.nodes.broken = {"ctl2"}
    found = of.run("openstack_ha_galera.forget", "demo")
    assert found["floor"] == {"uuid": UUID, "seqno": 5}
    assert list(found["failures"]) == ["ctl2"]
    assert of.record("demo.galera")["floor"] is None
    assert of.orders("galera") == [(CONTROLLERS, "forget")]


def looked(of, **more):
    found = {node: one.facts for node, one in of.nodes.of.items()}
    return {"found": found, "rivals": {}, "begun": of.clock.now, **more}


def test_the_schedules_look_rings_only_where_something_is_to_be_done(master):
    of = master(Server().run(), Server().run(), Server().run())

    def idle(**more):
        return of.run("openstack_ha_coordinator.is_idle", "demo", "galera", looked(of, **more))

    assert idle() is False, "a decision that nobody knows"
    answer(of)
    of.clock.now += 1
    of.nodes.of["ctl1"].run(seqno=8)
    assert idle() is True
    assert of.record("demo.galera")["floor"]["seqno"] == 8
    assert idle(begun=of.clock.now - 60) is None, "an older look"
    of.clock.now += 1
    of.nodes.of["ctl2"].facts.update(Server(UUID, 5).facts)
    assert idle() is False
    assert of.orders("galera") == [], "a look orders nothing"
    of.nodes.broken = {"ctl2"}
    answer(of)
    of.clock.now += 1
    assert idle() is False, "what has failed is tried again"
