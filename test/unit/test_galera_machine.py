"""
The election against a model of Galera that knows the truth: which writes were acknowledged, and who
holds them. Faults come in any order; nothing may be lost, and everything ends by itself or by the
command that a refusal names.

``MACHINE_STEPS`` is how many steps are done at least, and ``MACHINE_SEED`` repeats a run.

What Galera does by itself when a host boots is no decision of the rule: in the model a server
starts at boot only with data that is of the cluster, and no view that is stale forms a component.
A disk is not exchanged in the moment between a decision and its act.
"""

import os
import random
import re

import openstack_ha_galera as galera
import openstack_ha_galera_election as election
import openstack_ha_galera_rule as galera_rule
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

STEPS = int(os.environ.get("MACHINE_STEPS", "2000"))
SEED = int(os.environ.get("MACHINE_SEED") or random.randrange(10**6))
EXAMPLES, LENGTH = 25, 60
# Looks that a whole and healed cluster has to settle in; a join is one, and so is an answer of the
# operator to a refusal.
LOOKS = 40

MEMBERS = ["ctl1", "ctl2", "ctl3"]
# What hides a part of the truth from the master, or keeps a server from its start.
HIDDEN = ["silent", "old_module", "no_recovery", "not_ready", "busy"]
nodes = st.sampled_from(MEMBERS)


def uuid(number):
    return f"{number:08x}-0000-11ee-9999-0123456789ab"


class Disk:
    """A data directory: a history of writes in one cluster, and what Galera notes beside it."""

    def __init__(self, cluster, history=()):
        self.cluster = cluster
        self.history = history
        self.is_clean = False
        self.is_safe = False
        self.view = None
        self.is_receiving = False
        self.has_grastate = True

    def grastate(self):
        if not self.has_grastate:
            return "\x00" * 16
        seqno = len(self.history) if self.is_clean else -1
        return (
            f"# GALERA saved state\nversion: 2.1\nuuid:    {self.cluster}\nseqno:   {seqno}\n"
            f"safe_to_bootstrap: {int(self.is_safe)}\n"
        )

    def recover_log(self, suffix):
        # A database that never was in a cluster has no position.
        unknown = self.cluster == galera.ZERO_UUID
        seqno = -1 if unknown else len(self.history)
        return (
            "2026-01-01  1:00:00 0 [Note] InnoDB: Starting crash recovery\n"
            f"2026-01-01  1:00:01 0 [Note] WSREP: Recovered position: {self.cluster}:{seqno}"
            f"{'' if unknown else suffix}\n"
        )

    def gvwstate(self):
        if self.view is None:
            return ""
        members = "".join(f"member: {uuid(one)} 0\n" for one in sorted(self.view))
        return f"my_uuid: {uuid(1)}\n#vwbeg\nview_id: 3 {uuid(1)} 4\n{members}#vwend\n"


class Galera(RuleBasedStateMachine):
    steps = 0

    def __init__(self):
        super().__init__()
        # The installation is no step.
        Galera.steps -= 1
        self.count = 0
        self.disk = dict.fromkeys(MEMBERS)
        self.server = dict.fromkeys(MEMBERS, "stopped")
        self.power = set(MEMBERS)
        self.identity = {}
        self.site = dict.fromkeys(MEMBERS, 0)
        # The one Primary component, its cluster, and all writes that it acknowledged.
        self.primary = set()
        self.cluster = None
        self.history = ()
        self.lag = dict.fromkeys(MEMBERS, 0)
        # What stands between a node and the master.
        self.silent = set()
        self.old_module = set()
        self.no_recovery = set()
        self.not_ready = set()
        self.busy = set()
        self.suffix = ""
        self.launched = set()
        # The master: its record, and a decision that is not carried out yet.
        self.node_floor = dict.fromkeys(MEMBERS)
        self._forget_record()
        self.clock = 1
        self.pending = None
        self.last = None

    def _next(self):
        self.count += 1
        return self.count

    def _forget_record(self):
        self.record = dict(galera_rule.NEW)

    @property
    def floor(self):
        return self.record["floor"]

    @floor.setter
    def floor(self, position):
        self.record["floor"] = position

    # Evidence, through the parsers that the nodes use.

    def _evidence(self):
        found = {}
        for node in self.power - self.silent:
            found[node] = self._evidence_of(node)
            if node in self.old_module:
                del found[node]["floor"]
        return found

    def _evidence_of(self, node):
        disk, server = self.disk[node], self.server[node]
        if node in self.busy and server == "stopped":
            server = "starting"
        grastate = galera.grastate(disk.grastate() if disk else "")
        is_receiving = bool(disk and disk.is_receiving)
        wsrep = None
        if server == "running":
            is_member = node in self.primary
            wsrep = {
                "cluster_status": "Primary" if is_member else "non-Primary",
                "local_state": 4 if is_member else 0,
                "state_uuid": disk.cluster,
                "last_committed": len(disk.history),
                "incoming_addresses": ",".join(f"{one}:3306" for one in sorted(self.primary))
                if is_member
                else "",
            }
        has_position = server == "stopped" and disk and not is_receiving
        return {
            "is_ready": node not in self.not_ready,
            "server": server,
            "is_outdated": False,
            "wsrep": wsrep,
            "position": self._position(node, grastate) if has_position else None,
            "safe_to_bootstrap": grastate["safe_to_bootstrap"],
            "last_view": galera.gvwstate(disk.gvwstate()) if disk and server != "running" else None,
            "is_pristine": disk is None,
            "is_receiving": is_receiving,
            "floor": self.node_floor[node],
        }

    def _position(self, node, grastate):
        if grastate["seqno"] >= 0:
            return {"uuid": grastate["uuid"], "seqno": grastate["seqno"]}
        log = "" if node in self.no_recovery else self.disk[node].recover_log(self.suffix)
        return galera.recovered(log) or {"uuid": grastate["uuid"], "seqno": -1}

    # The master.

    def _decide(self, chosen):
        found = self._evidence()
        case = {
            "name": "demo",
            "nodes": MEMBERS,
            "found": {node: found.get(node) for node in MEMBERS},
            "records": {"": self.record},
            "wish": chosen,
            "now": self.clock,
        }
        (decision,) = galera_rule.decide(case)
        assert decision["why"]
        assert decision["way_out"] or decision["verdict"] != "refuse"
        assert set(decision["nodes"]) <= set(found), "an order to who did not answer"
        visible = self.primary & set(found)
        if decision["verdict"] in ("bootstrap", "stand_down"):
            assert not set(decision["nodes"]) & visible, "the Primary component is given up"
        is_unknown = set(found) - self.old_module != set(MEMBERS)
        if is_unknown and not visible and not chosen:
            since = self.record["without_primary_since"]
            is_late = since is not None and self.clock - since >= election.PATIENCE
            assert decision["verdict"] == ("refuse" if is_late else "wait")
        return case, decision

    def _look(self, chosen=None):
        case, decision = self._decide(chosen)
        self.last = decision
        self.record = galera_rule.remember(case, decision)
        if decision["verdict"] == "settled":
            assert self.floor == {"uuid": self.cluster, "seqno": self._seqno_of_the_known()}
        self.pending = (decision, chosen)
        return decision

    def _seqno_of_the_known(self):
        known = self.primary - self.silent - self.old_module
        return max(len(self.disk[node].history) for node in known)

    def _act(self):
        decision, chosen = self.pending
        self.pending = None
        verdict, ordered = decision["verdict"], decision["nodes"]
        if verdict == "bootstrap":
            _case, again = self._decide(chosen)
            if again != decision or (chosen and self._is_anybody_hidden()):
                return
            self._bootstrap(ordered[0], chosen)
        elif verdict == "launch":
            for node in ordered:
                self._launch(node)
                self.launched.add(node)
        elif verdict == "join":
            self._join(ordered[0])
        elif verdict == "stand_down":
            for node in set(ordered) & self.power:
                if node not in self.primary:
                    self.busy.discard(node)
                    self._leave(node, is_clean=self.server[node] == "running")

    def _bootstrap(self, node, chosen):
        assert not self.primary, "a bootstrap while a Primary component exists"
        assert self.server[node] == "stopped"
        assert not self.busy & self.power, "a server that recovers its data could become Primary"
        assert chosen or set(self._evidence()) == set(MEMBERS), "a member is not known"
        others = [one for one in MEMBERS if self.server[one] in ("running", "joining")]
        assert not others, "another server could become Primary"
        disk = self.disk[node]
        position = self._evidence_of(node)["position"]
        assert disk is None or (position and position["seqno"] >= 0), (
            "an unknown position was chosen"
        )
        if disk is None:
            held = [one for one in self.disk.values() if one]
            assert not held, "a first install over data"
            assert not self.floor and not any(self.node_floor.values()), "a cluster that was"
            disk = self.disk[node] = Disk(uuid(self._next()))
        assert not disk.is_receiving, "a part of a donor's data was chosen"
        assert disk.cluster != galera.ZERO_UUID, "data that never was in a cluster was chosen"
        if chosen:
            self._operator_chose(node)
        else:
            held = [one for one in self.disk.values() if one and not one.is_receiving]
            assert {one.cluster for one in held} == {disk.cluster}, "one of several clusters"
            assert all(disk.history[: len(one.history)] == one.history for one in held), (
                "a loser's data was chosen"
            )
            assert not self.floor or self.floor["uuid"] == disk.cluster, "another cluster's floor"
            for floor in (self.floor, *self.node_floor.values()):
                if floor and floor["uuid"] == disk.cluster:
                    assert len(disk.history) >= floor["seqno"], "below the floor"
        self.cluster, self.history = disk.cluster, disk.history
        self._be_primary({node})

    def _operator_chose(self, node):
        """The master's floor is now what the operator chose; runbooks set the rest aside."""
        disk = self.disk[node]
        self.floor = {"uuid": disk.cluster, "seqno": len(disk.history)}
        for one in MEMBERS:
            other = self.disk[one]
            is_part = other and other.cluster == disk.cluster
            if one != node and not (is_part and self._is_prefix(other.history, disk.history)):
                self._set_aside(one)

    @staticmethod
    def _is_prefix(one, other):
        return other[: len(one)] == one

    def _join(self, node):
        if node not in self.power or self.server[node] != "stopped":
            return
        disk = self.disk[node]
        if disk and not disk.is_receiving and self.cluster:
            assert disk.cluster == self.cluster, "another cluster's data is wiped by a join"
            assert self._is_prefix(disk.history, self.history), "newer writes are wiped by a join"
        self._launch(node)
        self._galera()

    def _launch(self, node):
        is_able = node in self.power - self.not_ready - self.busy
        if is_able and self.server[node] == "stopped":
            self.server[node] = "joining"
            if not (self.disk[node] and self.disk[node].view):
                self.identity[node] = self._next()

    # What Galera does by itself.

    def _reaches(self, node, others):
        return any(self.site[node] == self.site[other] for other in others)

    def _be_primary(self, members):
        assert not self.primary or members & self.primary, "two Primary components"
        self.primary = set(members)
        self.launched.clear()
        for node in members:
            self.server[node] = "running"
            self.identity.setdefault(node, self._next())
        self._new_view()

    def _new_view(self):
        self._catch_up()
        view = frozenset(self.identity[node] for node in self.primary)
        for node in self.primary:
            disk = self.disk[node]
            disk.view, disk.is_clean, disk.is_safe = view, False, False
            disk.has_grastate = True
            self.node_floor[node] = {"uuid": self.cluster, "seqno": len(disk.history)}

    def _catch_up(self):
        for node in self.primary:
            self.disk[node].history = self.history
            self.lag[node] = 0

    def _galera(self):
        """Servers that run outside find the component, or restore their last one."""
        for node in MEMBERS:
            outside = self.server[node] in ("running", "joining") and node not in self.primary
            if outside and self._reaches(node, self.primary):
                self._receive(node)
        if not self.primary:
            self._restore()

    def _receive(self, node):
        disk = self.disk[node]
        is_whole = disk and disk.cluster == self.cluster and not disk.is_receiving
        if not is_whole:
            self.disk[node] = Disk(self.cluster)
        self._be_primary(self.primary | {node})

    def _restore(self):
        """pc.recovery: all members of the last view are there, and it is the last of each."""
        alive = [node for node in MEMBERS if self.server[node] in ("running", "joining")]
        for first in alive:
            view = self.disk[first].view if self.disk[first] else None
            group = {
                node
                for node in alive
                if self.disk[node]
                and self.disk[node].view == view
                and self.site[node] == self.site[first]
            }
            if view and {self.identity[node] for node in group} == view:
                best = max((self.disk[node] for node in group), key=lambda one: len(one.history))
                whole = [one for one in self.disk.values() if one and not one.is_receiving]
                beyond = [one for one in whole if not self._holds(best, one)]
                assert not (beyond and group & self.launched), "a stale view was launched"
                if any(one.cluster == best.cluster for one in beyond):
                    continue
                self.cluster, self.history = best.cluster, best.history
                self._be_primary(group)
                return

    def _holds(self, best, one):
        return one.cluster == best.cluster and self._is_prefix(one.history, best.history)

    def _leave(self, node, is_clean):
        """A server stops; the rest of its component goes on if it may."""
        if is_clean and node in self.primary:
            self._catch_up()
        before = set(self.primary)
        was = self.server[node]
        self.primary.discard(node)
        self.server[node] = "stopped"
        self.launched.discard(node)
        disk = self.disk[node]
        if disk and was == "running":
            disk.is_clean = is_clean
            if is_clean:
                disk.view = None
                disk.is_safe = node in before and not self.primary
        if node in before and self.primary:
            if is_clean or 2 * len(self.primary) > len(before):
                self._new_view()
            else:
                self.primary = set()

    # What happens to them.

    @initialize(is_installed=st.booleans(), count=st.integers(0, 20))
    def install(self, is_installed, count):
        if is_installed:
            for _ in range(4):
                self._look()
                self._act()
            self.history = tuple(self._next() for _ in range(count))
            self._catch_up()

    @rule()
    def doorbell(self):
        """One that rings before a decision is carried out looks, and changes nothing by that."""
        if self.pending is None:
            self._look()
        else:
            self._decide(self.pending[1])

    @rule()
    def forged_doorbell(self):
        """Its name is no cluster of ours, so nobody looks."""

    @precondition(lambda self: self.pending)
    @rule()
    def carry_out(self):
        self._act()

    @rule(count=st.integers(1, 6))
    def looks(self, count):
        for _ in range(count):
            self._look()
            self._act()

    @rule(seconds=st.sampled_from([1, election.REUNION, election.PATIENCE]))
    def time_passes(self, seconds):
        self.clock += seconds

    @rule()
    def galera_moves(self):
        self._galera()

    @precondition(lambda self: self.primary)
    @rule(count=st.sampled_from([1, 3, 9]), late=st.sets(nodes, max_size=2))
    def write(self, count, late):
        self._catch_up()
        writer = min(self.primary - late, default=min(self.primary))
        self.history += tuple(self._next() for _ in range(count))
        for node in self.primary:
            if node == writer or node not in late:
                self.disk[node].history = self.history

    @rule(node=nodes)
    def crash(self, node):
        self._leave(node, is_clean=False)

    @rule(node=nodes)
    def stop(self, node):
        self._leave(node, is_clean=True)

    @rule()
    def stop_all(self):
        for node in MEMBERS:
            self._leave(node, is_clean=True)

    @rule(lost=st.sets(nodes, min_size=1))
    def lose_power(self, lost):
        if lost >= self.primary:
            self.primary = set()
        for node in lost:
            self._leave(node, is_clean=False)
        self.power -= lost

    @rule()
    def crash_all(self):
        self.primary = set()
        for node in MEMBERS:
            self._leave(node, is_clean=False)

    @rule(node=nodes, is_enabled=st.booleans())
    def boot(self, node, is_enabled):
        if node not in self.power:
            self.power.add(node)
            disk = self.disk[node]
            if is_enabled and disk and not disk.is_receiving and self._is_welcome(node):
                self._launch(node)

    @rule(cut=st.lists(st.integers(0, 2), min_size=3, max_size=3))
    def split(self, cut):
        self.site = dict(zip(MEMBERS, cut, strict=True))
        if not self.primary:
            return
        before = set(self.primary)
        self._catch_up()
        parts = [{node for node in before if self.site[node] == site} for site in set(cut)]
        self.primary = next((part for part in parts if 2 * len(part) > len(before)), set())
        if self.primary and self.primary != before:
            self._new_view()

    @rule()
    def heal(self):
        self.site = dict.fromkeys(MEMBERS, 0)
        self._galera()

    @precondition(lambda self: self.primary)
    @rule(node=nodes)
    def transfer_is_cut_off(self, node):
        if self.server[node] == "stopped" and node in self.power and self._is_welcome(node):
            self.disk[node] = Disk(self.cluster, self.history[:1])
            self.disk[node].is_receiving = True

    def _is_welcome(self, node):
        disk = self.disk[node]
        return not disk or (
            disk.cluster == self.cluster and self._is_prefix(disk.history, self.history)
        )

    @precondition(lambda self: not self.pending)
    @rule(node=nodes)
    def wipe(self, node):
        self._leave(node, is_clean=False)
        self.disk[node] = None

    @precondition(lambda self: not self.pending)
    @rule(node=nodes, length=st.integers(0, 30), has_floor=st.booleans())
    def replace_by_another_sites(self, node, length, has_floor):
        self._exchange(node)
        disk = Disk(uuid(self._next()), tuple(self._next() for _ in range(length)))
        disk.is_safe = True
        self.disk[node] = disk
        floor = {"uuid": disk.cluster, "seqno": length}
        self.node_floor[node] = floor if has_floor else None

    @precondition(lambda self: not self.pending)
    @rule(node=nodes)
    def replace_by_a_lone_database(self, node):
        """Its grastate.dat claims more than it may."""
        self._exchange(node)
        self.disk[node] = Disk(galera.ZERO_UUID, (self._next(),))
        self.disk[node].is_safe = self.disk[node].is_clean = True

    @precondition(lambda self: not self.pending)
    @rule(node=nodes, count=st.integers(1, 3))
    def restore_an_old_snapshot(self, node, count):
        self._leave(node, is_clean=False)
        if self.disk[node] and self.disk[node].cluster != galera.ZERO_UUID:
            disk = self.disk[node]
            disk.history = disk.history[:-count]

    def _exchange(self, node):
        """Data that came after a launch does not make the launch wrong."""
        self._leave(node, is_clean=False)
        self.launched.clear()

    @rule(node=nodes)
    def break_grastate(self, node):
        if self.disk[node]:
            self.disk[node].has_grastate = False

    @rule(node=nodes)
    def flip_the_safe_flag(self, node):
        if self.disk[node]:
            self.disk[node].is_safe ^= True

    @rule(node=nodes, name=st.sampled_from(HIDDEN))
    def hide(self, node, name):
        getattr(self, name).symmetric_difference_update({node})

    @rule(suffix=st.sampled_from(["", ",0-1-2", ",0-12-345,1-1-1"]))
    def number_by_gtid(self, suffix):
        self.suffix = suffix

    @rule()
    def master_loses_its_record(self):
        self._forget_record()

    # The operator, who does what a refusal says, and only when hosts that do not answer are off.

    def _is_anybody_hidden(self):
        return bool((self.silent | self.old_module) & self.power)

    @precondition(lambda self: self.last and self.last["way_out"])
    @rule()
    def operator_obeys(self):
        decision = self._look()
        if decision["way_out"] and not self._is_anybody_hidden():
            self._obey(decision)

    def _obey(self, decision):
        assert re.match(r"docs/runbooks/[a-z-]+\.md, '[^']+': `", decision["way_out"])
        command = re.findall("`([^`]+)`", decision["way_out"])[0].split()
        if "openstack_ha_galera.set_aside" in command:
            self._set_aside(command[1])
        elif "openstack_ha_galera.forget" in command:
            self._forget_record()
            self.node_floor = dict.fromkeys(MEMBERS)
        elif "openstack_ha_galera.recover" in command:
            chosen = command[-1].removeprefix("node=")
            for _ in range(3):
                self._look(chosen)
                self._act()
        else:
            assert "openstack_ha_coordinator.plan" in command

    def _set_aside(self, node):
        assert node not in self.primary
        self._leave(node, is_clean=False)
        self.disk[node] = None
        self.node_floor[node] = None

    @rule()
    def everything_is_put_right(self):
        """Liveness: whole and healed, it settles; the operator answers where data contradicts."""
        self.power = set(MEMBERS)
        self.site = dict.fromkeys(MEMBERS, 0)
        for hidden in HIDDEN:
            getattr(self, hidden).clear()
        is_sound = self._is_sound()
        history = self._best_history()
        for _ in range(LOOKS):
            self._galera()
            self.clock += election.REUNION
            decision = self._look()
            self._act()
            if decision["verdict"] == "settled":
                break
            if decision["verdict"] == "refuse":
                assert not is_sound, f"refused where nothing contradicts: {decision}"
                self._obey(decision)
        assert decision["verdict"] == "settled", decision
        assert self.primary == set(MEMBERS)
        if is_sound:
            assert self.history == history, "an acknowledged write is lost"

    def _best_history(self):
        whole = [one for one in self.disk.values() if one and not one.is_receiving]
        return max((one.history for one in whole), key=len, default=())

    def _is_sound(self):
        """One history of one cluster, and nobody was ever beyond it."""
        whole = [one for one in self.disk.values() if one and not one.is_receiving]
        floors = [one for one in (self.floor, *self.node_floor.values()) if one]
        parts = [one for one in self.disk.values() if one and one.is_receiving]
        if not whole:
            return not floors and not parts
        best = max(whole, key=lambda one: len(one.history))
        return (
            best.cluster != galera.ZERO_UUID
            and all(self._holds(best, one) for one in whole)
            and all(
                floor["uuid"] == best.cluster and floor["seqno"] <= len(best.history)
                for floor in floors
            )
        )

    @invariant()
    def step_is_counted(self):
        Galera.steps += 1

    @invariant()
    def members_of_the_component_agree(self):
        for node in self.primary:
            disk = self.disk[node]
            assert self.server[node] == "running"
            assert disk.cluster == self.cluster
            assert self._is_prefix(disk.history, self.history)


def test_no_fault_makes_a_wrong_word(capsys):
    options = settings(
        max_examples=EXAMPLES,
        stateful_step_count=LENGTH,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
        print_blob=False,
    )
    print(f"MACHINE_SEED={SEED}")
    Galera.steps = 0
    rounds = 0
    while Galera.steps < STEPS:
        run_state_machine_as_test(seed(SEED + rounds)(Galera), settings=options)
        rounds += 1
    with capsys.disabled():
        print(f"\n{Galera.steps} steps, MACHINE_SEED={SEED}")
