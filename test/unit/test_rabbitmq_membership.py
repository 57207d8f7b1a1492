"""Who of the brokers starts, joins or goes: the rule by cases, and against a model of RabbitMQ."""

import itertools
import re
from pathlib import Path

import openstack_ha_rabbitmq_membership as membership
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

MEMBERS = {f"ctl{number}": f"rabbit@ctl{number}" for number in (1, 2, 3)}
IDS, BROKERS = list(MEMBERS), list(MEMBERS.values())
LISTS = (
    *("members", "running_at_shutdown", "running"),
    *("partitions", "reaches", "queues", "ill_queues"),
)
RUNBOOK = Path(__file__).parents[2] / membership.RUNBOOK


def blank(**changed):
    one = dict.fromkeys(membership.SHAPE, False)
    lists = {key: [] for key in LISTS}
    own = {"is_ready": True, "is_blank": True, "unit": "inactive", "cluster": None}
    return {**one, **lists, **own, **changed}


def stopped(members=BROKERS, **changed):
    return blank(**{"is_blank": False, "members": members, "cluster": "one", **changed})


def waiting(members=BROKERS):
    """It has been started, and waits for the others' tables."""
    return stopped(members, unit="activating")


def paused(**changed):
    return stopped(unit="active", is_paused=True, **changed)


def running(members=BROKERS, sees=None, **changed):
    sees = members if sees is None else sees
    return stopped(members, unit="active", is_running=True, running=sees, **changed)


def decide(*found, waited=0):
    return membership.decide("demo", MEMBERS, dict(zip(IDS, found, strict=True)), waited)


def word(decision):
    return decision["verdict"], decision["nodes"]


PAIR = BROKERS[:2]
GHOST = "rabbit@ctl4"
GHOSTLY = [*BROKERS, GHOST]
# What a module of another version tells.
OLD = {"is_blank": True}
CASES = {
    "all run": ([running()] * 3, ("settled", [])),
    "one is silent": ([running(sees=PAIR)] * 2 + [None], ("settled", [])),
    "one is stopped": ([running(sees=PAIR)] * 2 + [stopped()], ("launch", ["ctl3"])),
    "one is wiped": ([running(sees=PAIR)] * 2 + [blank()], ("join", ["ctl3"])),
    "one is new": ([running(PAIR)] * 2 + [blank()], ("join", ["ctl3"])),
    "one is not configured": (
        [running(sees=PAIR)] * 2 + [blank(is_ready=False)],
        ("settled", []),
    ),
    "one has data of another cluster": (
        [running(PAIR)] * 2 + [stopped(cluster="another")],
        ("refuse", []),
    ),
    "one has data of nobody knows what": (
        [running(PAIR)] * 2 + [stopped(cluster=None)],
        ("refuse", []),
    ),
    "one is forgotten": ([running(PAIR)] * 2 + [stopped()], ("rejoin_forgotten", ["ctl3"])),
    "a forgotten one that tries": (
        [running(PAIR)] * 2 + [waiting()],
        ("rejoin_forgotten", ["ctl3"]),
    ),
    "a minority does not know the others": (
        [running(BROKERS[:1]), stopped(), stopped()],
        ("refuse", []),
    ),
    "one starts": ([running(sees=PAIR)] * 2 + [waiting()], ("wait", [])),
    "one pauses": ([running(sees=PAIR)] * 2 + [paused()], ("wait", [])),
    "two clusters": ([running(PAIR)] * 2 + [running(BROKERS[2:])], ("refuse", [])),
    "two do not see each other": (
        [running(), running(), running(sees=BROKERS[2:])],
        ("wait", []),
    ),
    "a queue lacks a replica": ([running(queues=[PAIR])] * 3, ("grow", ["ctl3"])),
    "a queue has its replicas": ([running(queues=[BROKERS])] * 3, ("settled", [])),
    "a member of no controller": ([running(GHOSTLY, sees=BROKERS)] * 3, ("forget", ["ctl1"])),
    "a member of no controller that runs": ([running(GHOSTLY)] * 3, ("wait", [])),
    "a member of no controller while one is silent": (
        [running(GHOSTLY, sees=PAIR)] * 2 + [None],
        ("settled", []),
    ),
    "a member of no controller while one starts": (
        [running(GHOSTLY, sees=PAIR)] * 2 + [stopped(GHOSTLY, unit="activating")],
        ("wait", []),
    ),
    "all are stopped": ([stopped()] * 3, ("launch", IDS)),
    "all but a silent one are stopped": ([stopped(), stopped(), None], ("launch", IDS[:2])),
    "all wait": ([waiting()] * 3, ("wait", [])),
    "two wait for a wiped one": ([waiting(), waiting(), blank()], ("wait", [])),
    "a wiped one among stopped ones": ([stopped(), stopped(), blank()], ("launch", IDS[:2])),
    "all pause": ([paused()] * 3, ("wait", [])),
    "the survivor of two wipes": ([paused(), blank(), blank()], ("resume", ["ctl1"])),
    "the survivor of a wipe and a silence": ([paused(), blank(), None], ("wait", [])),
    "the survivor goes on": (
        [running(sees=BROKERS[:1]), blank(), blank()],
        ("join", ["ctl2"]),
    ),
    "a blank one and a minority that answers": (
        [running(sees=BROKERS[:1]), None, blank()],
        ("join", ["ctl3"]),
    ),
    "first install": ([blank()] * 3, ("form", IDS)),
    "first install without everybody": ([blank(), blank(), None], ("wait", [])),
    "first install before everybody is configured": (
        [blank(), blank(), blank(is_ready=False)],
        ("wait", []),
    ),
    "evidence of an old module": ([blank(), blank(), OLD], ("wait", [])),
    "nobody answers": ([None] * 3, ("wait", [])),
    "one of an old module": ([running(sees=PAIR)] * 2 + [OLD], ("settled", [])),
}


def relaunched(*looks):
    """What is decided in the end, by looks that are half of the patience apart."""
    behind, now = {}, 1000
    for found in looks:
        evidence = dict(zip(IDS, found, strict=True))
        behind = membership.stays_behind(MEMBERS, evidence, behind, now)
        decision = membership.decide("demo", MEMBERS, evidence, behind=behind, now=now)
        now += membership.BEHIND / 2
    return word(decision)


LEFT = [running(sees=PAIR)] * 2
NEAR, FAR = paused(reaches=PAIR), paused(reaches=BROKERS[:1])
STARTING = stopped(unit="activating")
HANGING = stopped(unit="active", is_hanging=True)


@pytest.mark.parametrize(
    ("looks", "expected"),
    [
        ([[*LEFT, NEAR]] * 3, ("relaunch", ["ctl3"])),
        ([[*LEFT, stopped(unit="active", reaches=PAIR)]] * 3, ("relaunch", ["ctl3"])),
        ([[*LEFT, NEAR]] * 2, ("wait", [])),
        ([[*LEFT, FAR]] * 5, ("wait", [])),
        ([[*LEFT, NEAR], [*LEFT, FAR], [*LEFT, NEAR], [*LEFT, NEAR]], ("wait", [])),
        ([[*LEFT, NEAR]] * 3 + [[*LEFT, STARTING]] * 5, ("wait", [])),
        ([[running(sees=BROKERS[:1]), NEAR, NEAR]] * 5, ("wait", [])),
        ([[*LEFT, HANGING]] * 3, ("relaunch", ["ctl3"])),
        ([[HANGING] * 3] * 2, ("wait", [])),
        ([[HANGING] * 3] * 3, ("relaunch", ["ctl1"])),
        ([[HANGING] * 3] * 3 + [[STARTING, HANGING, HANGING]] * 3, ("wait", [])),
        (
            [[HANGING] * 3] * 3 + [[STARTING, HANGING, HANGING]] + [[HANGING] * 3] * 3,
            ("relaunch", ["ctl2"]),
        ),
        ([[HANGING, HANGING, waiting()]] * 5, ("wait", [])),
        ([[HANGING, HANGING, None]] * 3, ("relaunch", ["ctl1"])),
    ],
    ids=[
        "long in reach",
        "began to start, and hangs",
        "in reach for a moment",
        "out of reach of one",
        "in and out of reach",
        "started anew",
        "a minority runs",
        "one hangs",
        "all hang for a moment",
        "all hang",
        "all hung, and one is started anew",
        "that one hangs again",
        "one waits for those that hang",
        "two hang, and one is silent",
    ],
)
def test_who_stays_behind_is_started_anew_once(looks, expected):
    assert relaunched(*looks) == expected


@pytest.mark.parametrize(("found", "expected"), CASES.values(), ids=CASES)
def test_a_look_decides(found, expected):
    assert word(decide(*found)) == expected


LATE = {
    "a broker that does not start": (
        [running(sees=PAIR)] * 2 + [waiting()],
        membership.STUCK,
        "salt ctl3 openstack_ha_rabbitmq_database.set_aside rabbit@ctl3",
    ),
    "a broker that pauses": (
        [running(sees=PAIR)] * 2 + [paused()],
        membership.PARTED,
        "salt ctl3 openstack_ha_rabbitmq_peers.probe",
    ),
    "tables of a wiped broker": (
        [waiting(), waiting(), blank()],
        membership.TABLES,
        "salt-run openstack_ha_rabbitmq.recover demo ctl1 dry_run=False",
    ),
    "tables of a silent broker": (
        [waiting(), waiting(), None],
        membership.SILENT,
        "salt-run openstack_ha_rabbitmq.recover demo ctl1 dry_run=False",
    ),
    "tables of a silent broker, where the last one to stop is known": (
        [
            {**waiting(), "running_at_shutdown": BROKERS},
            {**waiting(), "running_at_shutdown": BROKERS[1:]},
            None,
        ],
        membership.SILENT,
        "salt-run openstack_ha_rabbitmq.recover demo ctl2 dry_run=False",
    ),
    "tables of a silent broker, where one does not know who ran": (
        [waiting(), {**waiting(), "running_at_shutdown": BROKERS}, None],
        membership.SILENT,
        "salt-run openstack_ha_rabbitmq.recover demo ctl2 dry_run=False",
    ),
    "silence": ([None] * 3, membership.SILENT, "salt -L ctl1,ctl2,ctl3 test.ping"),
    "a first install without everybody": (
        [blank(), None, None],
        membership.SILENT,
        "salt ctl1 openstack_ha_rabbitmq.form",
    ),
}


@pytest.mark.parametrize(("found", "section", "command"), LATE.values(), ids=LATE)
def test_who_has_waited_long_hears_what_decides(found, section, command):
    assert decide(*found, waited=membership.PATIENCE - 1)["verdict"] == "wait"
    late = decide(*found, waited=membership.PATIENCE)
    assert late["verdict"] == "refuse"
    assert late["way_out"] == f"{membership.RUNBOOK}, '{section}': `{command}`"


SYNC = "`salt ctl3 saltutil.sync_all`"


@pytest.mark.parametrize(
    "found",
    [
        [running(sees=PAIR)] * 2 + [OLD],
        [waiting(), waiting(), OLD],
        [blank(), blank(), OLD],
        [running(sees=BROKERS[:1]), None, OLD],
    ],
    ids=["others run", "others wait", "first install", "one is silent too"],
)
def test_an_old_module_is_told_from_silence(found):
    decision = decide(*found)
    assert f"ctl3 answered with less than this master's modules would ({SYNC})" in decision["why"]
    assert "ctl3 did not answer" not in decision["why"]


@pytest.mark.parametrize("first", [waiting(), blank()], ids=["others wait", "first install"])
def test_an_old_module_is_brought_up_to_date_before_anything_is_given_up(first):
    decision = decide(first, None, OLD, waited=membership.PATIENCE)
    section = "docs/runbooks/lost-node.md, 'A controller answers with an old module'"
    assert decision["way_out"] == f"{section}: {SYNC}"


def test_a_first_installation_waits_for_all_to_be_configured_and_not_for_long():
    found = blank(), blank(is_ready=False), blank()
    assert word(decide(*found, waited=membership.GATHERING - 1)) == ("wait", [])
    assert word(decide(*found, waited=membership.GATHERING)) == ("form", ["ctl1", "ctl3"])
    nobody = [blank(is_ready=False)] * 3
    assert word(decide(*nobody, waited=membership.PATIENCE)) == ("wait", [])


def test_what_was_of_another_cluster_is_a_persons_to_give_up():
    decision = decide(running(PAIR), running(PAIR), stopped(cluster="another"))
    assert "`salt ctl3 openstack_ha_rabbitmq.rejoin rabbit@ctl3`" in decision["way_out"]


def test_two_clusters_name_the_smaller_one():
    decision = decide(running(PAIR), running(PAIR), running(BROKERS[2:]))
    assert "`salt ctl3 openstack_ha_rabbitmq.rejoin rabbit@ctl3`" in decision["way_out"]
    decision = decide(running(BROKERS[:1]), stopped(), stopped())
    assert "`salt ctl1 openstack_ha_rabbitmq_database.set_aside rabbit@ctl1`" in decision["way_out"]


def queue(lacks="replica", name="q", vhost="/"):
    return {"vhost": vhost, "name": name, "lacks": lacks}


class Looks:
    """Looks one after another, as the master remembers them; each takes the step it decides."""

    def __init__(self):
        self.now, self.ill = 1000, []

    def look(self, *ill, after=0, **changed):
        """Who lacks what; ``ctl3`` tells of it."""
        self.now += after
        found = {**dict.fromkeys(IDS, running()), "ctl3": running(ill_queues=list(ill), **changed)}
        self.ill = membership.ailing(found, self.ill, self.now)
        decision = membership.decide("demo", MEMBERS, found, ill=self.ill, now=self.now)
        self.due = membership.due(self.ill, self.now)
        if decision["verdict"] == "repair":
            self.ill = membership.mended(self.ill, self.now)
        return decision


@pytest.mark.parametrize("lacks", ["replica", "leader"])
def test_a_queue_that_stays_ill_is_mended_where_it_is(lacks):
    looks = Looks()
    assert word(looks.look(queue(lacks))) == ("wait", [])
    assert word(looks.look(queue(lacks), after=membership.LASTING - 1)) == ("wait", [])
    assert word(looks.look(queue(lacks), after=1)) == ("repair", ["ctl3"])
    assert [(one["vhost"], one["name"]) for one in looks.due] == [("/", "q")]
    assert word(looks.look(after=3)) == ("settled", [])


def test_a_queue_that_heals_by_itself_is_not_mended():
    looks = Looks()
    looks.look(queue())
    assert word(looks.look(after=membership.LASTING)) == ("settled", [])
    assert word(looks.look(queue(), after=membership.LASTING)) == ("wait", [])


def test_no_queue_is_mended_while_brokers_are_parted():
    looks = Looks()
    looks.look(queue())
    parted = looks.look(queue(), after=membership.LASTING, partitions=BROKERS[:1])
    assert "does not see" in parted["why"]
    assert parted["verdict"] == "wait"


def test_mending_that_does_not_help_ends_in_a_refusal_that_names_the_queue():
    looks, ill = Looks(), queue(name="a 'b'", vhost="/nova")
    verdicts = [looks.look(ill, after=membership.LASTING)["verdict"] for _ in range(9)]
    assert verdicts == ["wait", *["repair"] * membership.REPAIRS, *["refuse"] * 6]
    way_out = looks.look(ill)["way_out"]
    assert f"'{membership.ILL}'" in way_out
    assert "--vhost /nova 'a '\"'\"'b'\"'\"''` on `ctl3`" in way_out
    # A relapse is no new queue.
    assert word(looks.look(after=1)) == ("settled", [])
    looks.look(ill, after=1)
    assert looks.look(ill, after=membership.LASTING)["verdict"] == "refuse"
    looks.look(after=membership.FORGOTTEN)
    looks.look(ill)
    assert looks.look(ill, after=membership.LASTING)["verdict"] == "repair"


def test_a_queue_without_a_majority_is_left_to_a_person_and_others_are_mended():
    looks, ill = Looks(), [queue("majority", "lost"), queue(name="mendable")]
    looks.look(*ill)
    assert looks.look(*ill, after=membership.LASTING)["verdict"] == "repair"
    assert [one["name"] for one in looks.due] == ["mendable"]
    decision = looks.look(ill[0], after=membership.LASTING)
    assert decision["verdict"] == "refuse"
    assert "lost" in decision["way_out"]


@pytest.mark.parametrize("told", [{"is_running": False}, {"queues": None}], ids=["stopped", "old"])
def test_only_a_running_broker_that_tells_everything_mends_a_queue(told):
    third = {**running(ill_queues=[queue()]), **told}
    found = {"ctl1": running(), "ctl3": {key: one for key, one in third.items() if one is not None}}
    assert membership.ailing(found, [], 1000) == []


def test_many_ill_queues_make_a_short_text():
    ill = [queue(name=f"q{number}") for number in range(100)]
    why = Looks().look(*ill)["why"]
    assert "q2" in why
    assert "q3" not in why
    assert "100" in why


def test_the_runbook_has_every_section():
    headings = re.findall(r"^## (.+)$", RUNBOOK.read_text(encoding="utf-8"), re.MULTILINE)
    sections = {value for name, value in vars(membership).items() if name in SECTIONS}
    assert sections <= set(headings)


SECTIONS = ("CLUSTERS", "SILENT", "TABLES", "STUCK", "PARTED", "ILL")

ill_queues = st.lists(
    st.builds(
        lambda name, lacks: {"vhost": "/", "name": name, "lacks": lacks},
        st.sampled_from("ab"),
        st.sampled_from(["replica", "leader", "majority"]),
    ),
    max_size=2,
    unique_by=lambda queue: queue["name"],
)
unit = st.sampled_from(["active", "activating", "deactivating", "inactive", "failed"])
brokers = st.lists(st.sampled_from(BROKERS), unique=True).map(sorted)


@st.composite
def evidence(draw):
    """Anything that a host may say, true or not."""
    flags = {key: draw(st.booleans()) for key in membership.SHAPE if key.startswith("is_")}
    lists = {key: draw(brokers) for key in LISTS if not key.endswith("queues")}
    queues = {"queues": draw(st.lists(brokers, max_size=2)), "ill_queues": draw(ill_queues)}
    return {**flags, **lists, **queues, "unit": draw(unit)}


@settings(max_examples=1000)
@given(st.lists(st.none() | evidence(), min_size=3, max_size=3), st.integers(0, 1000))
def test_whatever_is_said_no_broker_is_started_against_its_peers(found, waited):
    looked = dict(zip(IDS, found, strict=True))
    ill = membership.ailing(looked, membership.ailing(looked, [], 1000), 1000 + waited)
    behind = membership.stays_behind(MEMBERS, looked, {}, 1000)
    decision = membership.decide(
        "demo", MEMBERS, looked, waited, ill=ill, behind=behind, now=1000 + waited
    )
    seen = {node: one for node, one in zip(IDS, found, strict=True) if one}
    alive = [node for node, one in seen.items() if one["is_running"]]
    assert decision["why"]
    assert bool(decision["way_out"]) == (decision["verdict"] == "refuse")
    assert set(decision["nodes"]) <= set(seen)
    acting = [seen[node] for node in decision["nodes"]]
    if decision["verdict"] == "join":
        assert alive
        assert len(seen) > len(MEMBERS) / 2
        assert all(one["is_blank"] for one in acting)
    elif decision["verdict"] == "form":
        assert len(seen) == len(MEMBERS)
        assert all(one["is_blank"] and not one["is_running"] for one in seen.values())
    elif decision["verdict"] == "rejoin_forgotten":
        assert len(alive) > len(MEMBERS) / 2
        assert not any(one["is_running"] or one["is_blank"] for one in acting)
    elif decision["verdict"] == "resume":
        assert not alive
        others = [seen[node] for node in IDS if node not in decision["nodes"]]
        assert any(one["is_blank"] for one in others)
        assert all(one["is_blank"] or one["is_paused"] for one in others)
    elif decision["verdict"] == "launch":
        assert not any(one["is_running"] or one["is_blank"] for one in acting)
    elif decision["verdict"] == "relaunch":
        assert waited >= membership.BEHIND
        assert not any(one["is_running"] for one in acting)
        serving = {MEMBERS[node] for node in alive}
        has_majority = len(alive) > len(MEMBERS) / 2
        assert all(
            one["is_hanging"] or (has_majority and serving <= set(one["reaches"])) for one in acting
        )
    elif decision["verdict"] == "repair":
        assert waited >= membership.LASTING
        assert all(one["is_running"] and one["ill_queues"] for one in acting)


class Brokers:
    """Brokers that stop, crash, lose their disks or are forgotten; whatever happens, once all hosts
    answer it ends in one cluster, or in a refusal that names the one who may go first."""

    def __init__(self):
        # What each disk knows of its cluster, None when wiped.
        self.disk = dict.fromkeys(IDS)
        self.alive = set()
        self.launched = set()
        self.newest = set()

    def stop(self, node):
        if self.alive == {node}:
            self.newest = {node}
        self.alive.discard(node)
        self.launched.discard(node)

    def lose_power(self):
        self.newest = set(self.alive) or self.newest
        self.alive, self.launched = set(), set()

    def wipe(self, node):
        self.stop(node)
        self.disk[node] = None

    def forget(self, node):
        if self.alive and node not in self.alive and self.disk[node]:
            for other in self.alive:
                self.disk[other] = self.disk[other] - {node}

    def recover(self):
        for _ in range(12):
            decision = membership.decide("demo", MEMBERS, self._evidence(), membership.PATIENCE)
            nodes = decision["nodes"]
            if decision["verdict"] == "settled":
                assert self.alive == set(IDS)
                return
            if decision["verdict"] == "refuse":
                assert len(self.alive) <= len(IDS) / 2, "a majority runs and a person is asked"
                nodes = [self._obey(decision["way_out"])]
            for node in nodes:
                self._take(decision["verdict"], node)
            self._tables()
        pytest.fail(f"it does not end: {decision}")

    def _obey(self, way_out):
        recover = re.search(r"`salt-run openstack_ha_rabbitmq\.recover demo (\S+)", way_out)
        if recover:
            node = recover.group(1)
            self.launched = set()
            self.alive.add(node)
            self.newest = {node}
        else:
            (node,) = re.search(
                r"`salt (\S+) openstack_ha_rabbitmq(?:_database\.set_aside|\.rej)", way_out
            ).groups()
            self.stop(node)
            self.disk[node] = None
        return node

    def _take(self, verdict, node):
        if verdict == "launch":
            self.launched.add(node)
        elif verdict in ("join", "rejoin_forgotten"):
            assert self.alive, "a broker without a database, and nobody to join"
            if verdict == "join":
                assert self.disk[node] is None
            else:
                assert not any(node in self.disk[one] for one in self.alive)
            self._join(node)
        elif verdict == "form":
            assert not any(self.disk[one] for one in IDS if one not in self.alive)
            self._join(node)

    def _join(self, node):
        self.alive.add(node)
        self.newest = set(self.alive)
        members = frozenset().union(
            {node}, *(self.disk[one] for one in self.alive if self.disk[one])
        )
        for one in self.alive:
            self.disk[one] = members

    def _tables(self):
        """Launched brokers wait for all of the newest, or join those that run; who is known to
        these runs then, and takes their tables."""
        together = self.launched | self.alive
        if self.alive or self.newest <= {one for one in together if self.disk[one]}:
            members = next((self.disk[one] for one in self.alive or self.newest), frozenset())
            for node in self.launched & members:
                self.alive.add(node)
                self.disk[node] = members
        self.launched -= self.alive

    def _evidence(self):
        found = {}
        for node in IDS:
            members = sorted(MEMBERS[one] for one in self.disk[node] or ())
            sees = sorted(MEMBERS[one] for one in self.alive)
            if node in self.alive:
                found[node] = running(members, sees)
            elif self.disk[node] is None:
                found[node] = blank()
            else:
                found[node] = waiting(members) if node in self.launched else stopped(members)
        return found


# Far fewer would mean that the walk below has stopped early.
HUNDREDS = 500
EVENTS = [
    ("lose_power",),
    ("recover",),
    *itertools.product(("stop", "wipe", "forget"), IDS),
]


def _after(state, event):
    """The state after an event: the machine's own, as what can stand in a set."""
    brokers, (what, *node) = Brokers(), event
    disk, *others = state
    brokers.disk = dict(disk)
    brokers.alive, brokers.launched, brokers.newest = map(set, others)
    getattr(brokers, what)(*node)
    return _state(brokers)


def _state(brokers):
    others = map(frozenset, (brokers.alive, brokers.launched, brokers.newest))
    return (tuple(brokers.disk.items()), *others)


def test_it_ends_from_every_state_that_can_be_reached():
    first = _state(Brokers())
    known, fresh = {first: ()}, [first]
    while fresh:
        # The oldest one, so that a history is the shortest.
        state = fresh.pop(0)
        for event in EVENTS:
            history = (*known[state], event)
            try:
                following = _after(state, event)
            except (AssertionError, pytest.fail.Exception) as exc:
                pytest.fail(f"{history}: {exc}")
            if following not in known:
                known[following] = history
                fresh.append(following)
    assert len(known) > HUNDREDS


@pytest.mark.parametrize(("first", "lost", "last"), list(itertools.permutations(IDS)))
def test_who_was_forgotten_while_a_peer_was_stopped_is_not_started_by_that_peer(first, lost, last):
    brokers = Brokers()
    brokers.recover()
    brokers.stop(first)
    brokers.stop(lost)
    brokers.forget(lost)
    brokers.stop(last)
    brokers.recover()


def test_the_broker_of_no_controller_is_forgotten_by_name_and_for_good():
    decision = decide(*[running(GHOSTLY, sees=BROKERS)] * 3)
    assert decision["arguments"] == {"broker": GHOST} and decision["is_final"]
    assert GHOST in decision["why"]


def test_one_that_runs_is_never_forgotten_and_a_person_hears_of_it():
    # One alone sees it; the others do not, and it is there all the same.
    found = [running(GHOSTLY, sees=BROKERS)] * 2 + [running(GHOSTLY)]
    assert word(decide(*found)) == ("wait", [])
    late = decide(*found, waited=membership.PATIENCE)
    assert late["verdict"] == "refuse" and GHOST in late["why"]
    assert membership.GHOST in late["way_out"]
