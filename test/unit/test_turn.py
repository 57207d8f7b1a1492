"""Turns: who is renewed when, over three controllers whose HAProxies see them come and go."""

import openstack_ha_cluster
import openstack_ha_systems
import openstack_ha_turn_rule as rule
import pytest
from runners import Master, Nodes
from support import example

CONTROLLERS = ("ctl1", "ctl2", "ctl3")


class Services(Nodes):
    """
    Keystone on each controller, and what each HAProxy sees of it.

    ``lag`` is how many looks HAProxy takes to see a change; ``hopeless`` do not come back, and
    ``lame`` ones serve without one of their units.
    """

    def __init__(self, names=CONTROLLERS, outdated=CONTROLLERS):
        super().__init__(names)
        self.outdated, self.drained, self.away = set(outdated), set(), set()
        self.down, self.hopeless, self.lame = set(), set(), set()
        self.sessions, self.lag, self.changed = {}, 0, {}
        self.drained_at, self.together, self.patience = {}, 0, 60
        self.holder, self.obstacles, self.takes_reload, self.has_row = None, {}, False, True
        self.master = None

    def _is_up(self, node):
        is_up = node not in self.drained | self.away | self.down
        since = self.changed.get(node)
        is_seen = since is None or self.looks - since > self.lag
        return is_up if is_seen else not is_up

    def evidence(self, node):
        is_drained = node in self.drained
        now = self.master.clock.now
        keystone = {
            "is_configured": True,
            "is_running": node not in self.down | self.lame,
            "is_outdated": node in self.outdated,
            "takes_reload": self.takes_reload,
            "unchanged_for": None,
            "is_drained": is_drained,
            "is_away": node in self.away,
            "drained_for": now - self.drained_at[node] if is_drained else None,
            "patience": self.patience,
            "holds_vip": node == self.holder,
            "obstacle": self.obstacles.get(node),
            "serves": None if self.has_row else self._is_up(node),
            "seen": {
                one: {"serves": self._is_up(one), "sessions": self.sessions.get(one, 0)}
                for one in self.names
            }
            if self.has_row
            else None,
        }
        # Compute nodes have turns, and no Keystone.
        return {"keystone": keystone} if node in CONTROLLERS else {}

    def drain(self, node, service):
        self.drained.add(node)
        self.drained_at[node], self.changed[node] = self.master.clock.now, self.looks
        self.together = max(self.together, len(self.drained))
        return {}

    def renew(self, node, service):
        is_missed = self._is_up(node) and len(self.names) > 1 and not self.sessions.get(node)
        assert not is_missed or self.takes_reload or not self.patience, "it serves, and is missed"
        self.outdated.discard(node)
        self.lame.discard(node)
        if node in self.hopeless:
            self.down.add(node)
        return {}

    def readmit(self, node, service):
        self.drained.discard(node)
        self.changed[node] = self.looks
        return {}


def of_one():
    """The example with one controller."""
    found = openstack_ha_cluster.complete(example())
    for name in ("ctl2", "ctl3"):
        del found["nodes"][name]
    return found


@pytest.fixture
def master(tmp_path, monkeypatch):
    """Return a function that makes a master of such services; it is a little impatient."""
    monkeypatch.setattr(rule, "PATIENCE", 20)

    def make(*nodes, **more):
        names = nodes or CONTROLLERS
        made = Master(tmp_path, Services(names, **more), of_one() if nodes else None)
        made.nodes.master = made
        return made

    return make


def answer(master):
    """What was decided about Keystone, and about whom."""
    decisions = master.run("openstack_ha_coordinator.answer", "demo", "turn")
    return [(one["verdict"], *one["nodes"]) for one in decisions if one["subject"] == "keystone"]


def turn(node):
    return [("drain", node), ("renew", node), ("readmit", node)]


SETTLED = [("settled",)]


@pytest.mark.parametrize("lag", [0, 2])
def test_one_after_another_is_drained_renewed_and_let_in_again(master, lag):
    of = master()
    of.nodes.lag = lag
    found = [one for one in answer(of) if one != ("wait",)]
    assert found == [*turn("ctl1"), *turn("ctl2"), *turn("ctl3"), *SETTLED]
    assert of.nodes.together == 1
    assert of.nodes.drained == set()


def test_what_has_been_begun_may_end_and_not_without_end(master):
    of = master(outdated=["ctl2"])
    of.nodes.sessions = {"ctl2": 3}
    of.nodes.at_look[9] = of.nodes.sessions.clear
    assert answer(of) == [("drain", "ctl2"), ("wait",), *turn("ctl2")[1:], *SETTLED]
    of.nodes.outdated, of.nodes.sessions = {"ctl2"}, {"ctl2": 1}
    begin = of.clock.now
    assert answer(of) == [("drain", "ctl2"), ("wait",), *turn("ctl2")[1:], *SETTLED]
    assert of.nodes.patience <= of.clock.now - begin < of.nodes.patience + 10


@pytest.mark.parametrize("patience", [60, 0])
def test_the_last_one_that_serves_is_never_taken_away(master, patience):
    of = master()
    of.nodes.patience = patience
    of.nodes.silent = {"ctl2", "ctl3"}
    of.nodes.names = ("ctl1",)
    (decision,) = [
        one
        for one in of.run("openstack_ha_coordinator.answer", "demo", "turn")
        if one["subject"] == "keystone"
    ]
    assert decision["verdict"] == "wait"
    assert "is the only one that serves; ctl2, ctl3 did not answer" in decision["why"]
    assert of.orders("turn") == []


def test_one_that_is_down_holds_nobody_up_while_two_serve(master):
    of = master()
    of.nodes.silent = {"ctl3"}
    assert [one for one in answer(of) if one != ("wait",)] == [
        *turn("ctl1"),
        *turn("ctl2"),
        *SETTLED,
    ]


def falls_silent(nodes, silent, looks, step):
    """Have a node say nothing for so many looks after a step of its turn."""
    taken = getattr(nodes, step)

    def fall_silent(node, service):
        done = taken(node, service)
        if node == silent:
            nodes.silent.add(node)
            nodes.at_look[nodes.looks + looks] = nodes.silent.clear
        return done

    setattr(nodes, step, fall_silent)


@pytest.mark.parametrize("step", ["drain", "renew"])
def test_who_falls_silent_in_its_turn_is_waited_for(master, step):
    of = master()
    falls_silent(of.nodes, "ctl2", 3, step)
    found = [one for one in answer(of) if one != ("wait",)]
    assert found == [*turn("ctl1"), *turn("ctl2"), *turn("ctl3"), *SETTLED]
    assert of.nodes.together == 1


def test_who_stays_silent_in_its_turn_stops_the_round_and_is_named(master):
    of = master()
    falls_silent(of.nodes, "ctl2", 1000, "renew")
    found = [*turn("ctl1"), *turn("ctl2")[:2], ("wait",), ("refuse", "ctl2")]
    assert answer(of) == found
    record = of.run("openstack_ha_record.read", "demo.turn.keystone")
    assert "the turn of keystone of ctl2: ctl2 did not answer" in record["decision"]["why"]
    of.nodes.silent.clear()
    found = [one for one in answer(of) if one != ("wait",)]
    assert found == [*turn("ctl2")[2:], *turn("ctl3"), *SETTLED]


def test_a_sole_node_takes_its_own_turn(master):
    of = master("ctl1", outdated=["ctl1"])
    assert answer(of) == [("renew", "ctl1"), *SETTLED]


def test_who_does_not_come_back_stops_the_round_and_is_named(master):
    of = master()
    of.nodes.hopeless = {"ctl1"}
    assert answer(of)[:2] == turn("ctl1")[:2]
    of.nodes.drained.clear()
    begin = of.clock.now
    *_waits, (verdict, *nodes) = answer(of)
    assert (verdict, nodes) == ("refuse", ["ctl1"])
    assert of.clock.now - begin >= rule.PATIENCE
    kept = of.record("demo.turn.keystone")["decision"]
    assert (
        "'A service does not come back': `salt ctl1 openstack_ha_turn.evidence`" in kept["way_out"]
    )
    assert {nodes for nodes, _ in of.orders("turn")} == {("ctl1",)}


def test_who_does_not_serve_is_renewed_first_and_needs_no_draining(master):
    of = master()
    of.nodes.down = {"ctl3"}
    of.nodes.at_look[2] = of.nodes.down.clear
    assert answer(of)[0] == ("renew", "ctl3")


def test_one_that_serves_without_a_unit_goes_first_and_is_drained_like_any_other(master):
    of = master()
    of.nodes.lame = {"ctl3"}
    found = [one for one in answer(of) if one != ("wait",)]
    assert found == [*turn("ctl3"), *turn("ctl1"), *turn("ctl2"), *SETTLED]


def test_two_that_lack_a_unit_are_waited_for(master):
    of = master()
    of.nodes.lame = {"ctl2", "ctl3"}
    assert answer(of)[-1] == ("refuse", "ctl2", "ctl3")
    assert of.orders("turn") == []


def test_whom_a_person_has_taken_out_is_left_alone(master):
    of = master(outdated=["ctl1", "ctl2"])
    of.nodes.away = {"ctl3"}
    found = [one for one in answer(of) if one != ("wait",)]
    assert found == [*turn("ctl1"), *turn("ctl2"), *SETTLED]


def test_a_master_that_ends_in_the_middle_goes_on_where_it_was(master):
    of = master(outdated=["ctl2", "ctl3"])
    of.nodes.drain("ctl2", "keystone")
    assert answer(of)[:2] == turn("ctl2")[1:]


@pytest.mark.parametrize("has_row", [True, False])
@pytest.mark.parametrize("why", ["a reload takes it", "its clients ask others"])
def test_nobody_is_drained_whose_clients_do_not_notice(master, has_row, why):
    of = master()
    of.nodes.has_row, of.nodes.takes_reload = has_row, why == "a reload takes it"
    of.nodes.patience = 60 if of.nodes.takes_reload else 0
    assert answer(of) == [("renew", node) for node in CONTROLLERS] + SETTLED


@pytest.mark.parametrize("lag", [0, 2])
def test_what_is_not_behind_haproxy_says_itself_that_it_serves(master, lag):
    of = master()
    of.nodes.has_row, of.nodes.lag = False, lag
    found = [one for one in answer(of) if one != ("wait",)]
    assert found == [*turn("ctl1"), *turn("ctl2"), *turn("ctl3"), *SETTLED]
    assert of.nodes.together == 1


def test_the_holder_of_the_vip_is_the_last_one(master):
    of = master()
    of.nodes.holder = "ctl1"
    assert answer(of) == [*turn("ctl2"), *turn("ctl3"), *turn("ctl1"), *SETTLED]


def test_what_is_in_the_way_is_waited_for_and_after_long_told(master):
    of = master(outdated=["ctl2"])
    of.nodes.obstacles = {"ctl2": "queues depend on it alone"}
    of.nodes.at_look[9] = of.nodes.obstacles.clear
    assert answer(of) == [("wait",), *turn("ctl2"), *SETTLED]
    of.nodes.outdated, of.nodes.obstacles = {"ctl2"}, {"ctl2": "queues depend on it alone"}
    assert answer(of)[-1] == ("refuse", "ctl2")
    kept = of.record("demo.turn.keystone")["decision"]
    assert "runs with an older configuration, and queues depend on it alone" in kept["why"]


def test_who_does_not_serve_is_left_alone_where_something_is_in_the_way(master):
    of = master(outdated=["ctl3"])
    of.nodes.has_row, of.nodes.down = False, {"ctl3"}
    of.nodes.obstacles = {"ctl3": "it has not started yet"}
    assert {verdict for verdict, *_ in answer(of)} == {"wait", "refuse"}
    assert of.orders("turn") == []


OF_COMPUTE_NODES = ("nova.metadata", "nova.compute", "nova_network")


class ComputeNodes(Nodes):
    """
    What each compute node does for itself. ``outdated`` has the services by node; those that are
    ``hopeless`` do not come back, ``new`` ones have not had their first start.
    """

    def __init__(self, names):
        super().__init__(names)
        self.outdated = {node: set(OF_COMPUTE_NODES) for node in names}
        self.hopeless, self.down, self.new, self.away = set(), set(), set(), set()

    def evidence(self, node):
        if node not in self.outdated:
            return {}
        is_up = node not in self.down | self.new
        return {
            service: {
                "is_configured": node not in self.new,
                "is_running": is_up,
                "is_outdated": is_up and service in self.outdated[node],
                "takes_reload": False,
                "unchanged_for": None,
                "is_drained": False,
                "is_away": node in self.away,
                "drained_for": None,
                "patience": 0,
                "holds_vip": False,
                "obstacle": None,
                "serves": is_up,
                "seen": None,
            }
            for service in OF_COMPUTE_NODES
        }

    def renew(self, node, service):
        self.outdated[node].discard(service)
        if node in self.hopeless:
            self.down.add(node)
        return {}


@pytest.fixture
def compute(tmp_path, monkeypatch):
    """Return a function that makes a master of so many compute nodes, the controllers silent."""
    monkeypatch.setattr(rule, "PATIENCE", 20)

    def make(count):
        cluster = openstack_ha_cluster.complete(example())
        shape = cluster["nodes"].pop("cmp1")
        cluster["nodes"] = {
            node: one for node, one in cluster["nodes"].items() if "compute" not in one["roles"]
        }
        names = [f"cmp{number}" for number in range(1, count + 1)]
        for number, node in enumerate(names, 1):
            own = {"address": f"172.29.80.{160 + number}", "hostname": node}
            cluster["nodes"][node] = {**shape, **own}
        made = Master(tmp_path, ComputeNodes(names), cluster)
        made.nodes.silent = set(CONTROLLERS)
        return made

    return make


def renewed(master, service="nova.compute"):
    """Who was renewed together, in order."""
    return [
        nodes
        for nodes, fun, arguments in master.sent
        if fun == "openstack_ha_turn.renew" and arguments["service"] == service
    ]


@pytest.mark.parametrize(("count", "at_once"), [(1, 1), (19, 1), (20, 2), (30, 3)])
def test_a_share_of_the_compute_nodes_is_renewed_at_once(compute, count, at_once):
    of = compute(count)
    of.run("openstack_ha_coordinator.answer", "demo", "turn")
    for service in OF_COMPUTE_NODES:
        rounds = renewed(of, service)
        assert [node for nodes in rounds for node in nodes] == list(of.nodes.names)
        assert max(map(len, rounds)) == at_once


def test_all_services_of_a_compute_node_have_their_turns_together(compute):
    of = compute(3)
    of.run("openstack_ha_coordinator.answer", "demo", "turn")
    steps = [nodes for nodes, fun, _ in of.sent if fun == "openstack_ha_turn.renew"]
    assert steps == [(node,) for node in of.nodes.names for _ in OF_COMPUTE_NODES]


def test_a_compute_node_that_is_silent_holds_nobody_up(compute):
    of = compute(3)
    of.nodes.silent |= {"cmp1", "cmp3"}
    of.nodes.names = ("cmp2",)
    of.run("openstack_ha_coordinator.answer", "demo", "turn")
    assert renewed(of) == [("cmp2",)]


def test_a_compute_node_that_falls_silent_in_its_turn_is_of_the_share(compute):
    of = compute(3)
    falls_silent(of.nodes, "cmp2", 1000, "renew")
    of.run("openstack_ha_coordinator.answer", "demo", "turn")
    assert renewed(of, "nova.metadata") == [("cmp1",), ("cmp2",)]
    assert of.record("demo.turn.nova.metadata")["decision"]["verdict"] == "refuse"


@pytest.mark.parametrize("why", ["new", "away"])
def test_who_has_not_had_a_first_start_or_was_taken_out_is_not_waited_for(compute, why):
    of = compute(3)
    getattr(of.nodes, why).add("cmp2")
    of.nodes.down = set(of.nodes.away)
    of.run("openstack_ha_coordinator.answer", "demo", "turn")
    assert renewed(of) == [("cmp1",), ("cmp3",)]


def test_what_no_compute_node_bears_stops_at_the_share(compute):
    of = compute(20)
    of.nodes.hopeless = set(of.nodes.names)
    of.run("openstack_ha_coordinator.answer", "demo", "turn")
    assert of.nodes.down == {"cmp1", "cmp2"}
    kept = of.record("demo.turn.nova.compute")["decision"]
    assert kept["verdict"] == "refuse"
    assert "nova.compute of cmp1, cmp2 does not serve" in kept["why"]


def test_those_that_have_failed_are_of_the_share(compute):
    of = compute(20)
    of.nodes.down = {"cmp7"}
    of.run("openstack_ha_coordinator.answer", "demo", "turn")
    assert max(map(len, renewed(of))) == 1
    assert {node for nodes in renewed(of) for node in nodes} == set(of.nodes.names) - of.nodes.down


class StorageNodes(Nodes):
    """
    Swift's servers in zones. ``outdated`` ones run; of those that are ``lame`` a daemon does not.
    ``stopped`` do not serve, and ``hopeless`` do not once they are renewed.
    """

    def __init__(self, names):
        super().__init__(names)
        self.outdated, self.away, self.lame = set(names), set(), set()
        self.stopped, self.hopeless = set(), set()
        self.renewed_at, self.takes_reload, self.master = {}, False, None

    def evidence(self, node):
        if node not in self.names:
            return {}
        storage = {
            "is_configured": True,
            "is_running": node not in self.stopped | self.lame,
            "is_outdated": node in self.outdated,
            "takes_reload": self.takes_reload,
            "unchanged_for": self.master.clock.now - self.renewed_at.get(node, 0),
            "is_drained": False,
            "is_away": node in self.away,
            "drained_for": None,
            "patience": 0,
            "holds_vip": False,
            "obstacle": None,
            "serves": node not in self.stopped,
            "seen": None,
        }
        return {"swift.storage": storage}

    def renew(self, node, service):
        others = set(self.names) - {node}
        assert not others & self.silent, "a node that is silent is missed"
        assert not others & self.stopped - self.away, "another one does not serve"
        settled = [self.master.clock.now - self.renewed_at.get(one, 0) for one in others]
        assert min(settled) >= SETTLES, "proxies still keep away from the one before"
        self.outdated.discard(node)
        self.lame.discard(node)
        self.renewed_at[node] = self.master.clock.now
        if node in self.hopeless:
            self.stopped.add(node)
        return {}


SETTLES = openstack_ha_systems.turns()["swift.storage"]["settles"]
# By zone; that of the first region's second zone comes before the other region's.
ZONES = {"sto1": (1, 2), "sto2": (2, 1), "sto3": (1, 1), "sto4": (1, 2), "sto5": (1, 1)}
BY_ZONE = [("sto3",), ("sto5",), ("sto1",), ("sto4",), ("sto2",)]


@pytest.fixture
def storage(tmp_path, monkeypatch):
    """A master of storage nodes in three zones of two regions."""
    monkeypatch.setattr(rule, "PATIENCE", 20)
    cluster = openstack_ha_cluster.complete(example())
    shape = cluster["nodes"]["sto1"]
    for number, (node, (region, zone)) in enumerate(ZONES.items()):
        own = {"address": f"172.29.80.{200 + number}", "hostname": node}
        place = {**shape["storage"], "region": region, "zone": zone}
        cluster["nodes"][node] = {**shape, **own, "storage": place}
    made = Master(tmp_path, StorageNodes(tuple(ZONES)), cluster)
    made.nodes.master = made
    return made


def of_storage(master):
    """Who was renewed together, in order, and the last word."""
    decisions = master.run("openstack_ha_coordinator.answer", "demo", "turn")
    words = [one for one in decisions if one["subject"] == "swift.storage"]
    return renewed(master, "swift.storage"), words[-1]


@pytest.mark.parametrize("takes_reload", [True, False])
def test_storage_nodes_go_one_by_one_and_zone_by_zone(storage, takes_reload):
    storage.nodes.takes_reload = takes_reload
    rounds, word = of_storage(storage)
    assert rounds == BY_ZONE
    assert word["verdict"] == "settled"


@pytest.mark.parametrize("takes_reload", [True, False])
@pytest.mark.parametrize("silent", ["sto3", "sto4"])
def test_a_storage_node_that_is_silent_is_missed(storage, silent, takes_reload):
    """Of whichever zone: what it would have been given lies on others of it."""
    storage.nodes.silent, storage.nodes.takes_reload = {silent}, takes_reload
    rounds, word = of_storage(storage)
    assert rounds == []
    assert (word["verdict"], word["nodes"]) == ("refuse", [silent])
    assert f"swift.storage of {silent} does not serve; {silent} did not answer" in word["why"]
    storage.nodes.silent = set()
    assert of_storage(storage)[0] == BY_ZONE


def test_what_no_storage_node_bears_stops_at_the_first(storage):
    storage.nodes.hopeless = set(ZONES)
    rounds, word = of_storage(storage)
    assert rounds == BY_ZONE[:1]
    assert (word["verdict"], word["nodes"]) == ("refuse", ["sto3"])


def test_a_daemon_that_does_not_run_stops_the_round_and_takes_no_server_away(storage):
    storage.nodes.lame = {"sto4", "sto2"}
    rounds, word = of_storage(storage)
    assert rounds == []
    assert (word["verdict"], word["nodes"]) == ("refuse", ["sto2", "sto4"])


def test_the_only_one_that_lacks_something_is_renewed_first(storage):
    storage.nodes.lame = {"sto4"}
    rounds, _ = of_storage(storage)
    assert rounds == [("sto4",), *(one for one in BY_ZONE if one != ("sto4",))]


def test_a_storage_node_that_a_person_has_taken_out_is_not_waited_for(storage):
    storage.nodes.away = storage.nodes.stopped = {"sto5"}
    storage.nodes.outdated.discard("sto5")
    assert of_storage(storage)[0] == [one for one in BY_ZONE if one != ("sto5",)]


def test_one_that_is_changed_again_at_once_is_not_taken_for_one_that_fails(storage):
    storage.nodes.outdated, storage.nodes.renewed_at = {"sto1"}, {"sto1": storage.clock.now - 1}
    begin = storage.clock.now
    assert of_storage(storage)[0] == [("sto1",)]
    assert storage.clock.now - begin >= SETTLES - 1
