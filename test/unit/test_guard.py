"""What a highstate cannot change: what is remembered of it, and which other values are refused."""

import copy
import json

import openstack_ha_cluster
import openstack_ha_guard as guard
import openstack_ha_secrets
import pytest
from runbook import place, sections
from support import example

STO, CTL = "nodes:sto1:address", "nodes:ctl2:address"
COOKIE = "secrets:rabbitmq:erlang_cookie"


class Site:
    """A cluster file that can be edited, and what is remembered of it as it was."""

    def __init__(self):
        self.cluster = openstack_ha_cluster.complete(example())
        self.systems = openstack_ha_cluster.all_systems(self.cluster)
        self.memory = guard.remembered({}, *self.asked())

    def secret(self, path):
        return openstack_ha_secrets.lookup(self.cluster["secrets"], path.split(":"))

    def asked(self):
        return self.cluster, self.secret, self.systems

    def objections(self):
        return guard.objections(self.memory, *self.asked())


@pytest.fixture(scope="module")
def first():
    return Site()


@pytest.fixture
def site(first):
    return copy.deepcopy(first)


def test_what_is_guarded_is_remembered_whole(site):
    known = set(site.memory)
    assert {path for path in guard.paths() if "<id>" not in path} <= known
    assert {STO, CTL, "nodes:cmp1:hostname", "nodes:ctl1:hostname"} <= known
    assert not {"nodes:cmp1:address", "nodes:sto1:hostname"} & known
    assert all(map(guard.is_guarded, known))
    assert site.objections() == []


def test_no_secret_is_kept_and_equal_ones_are_not_seen_to_be_equal(site):
    text = json.dumps(site.memory)
    values = [site.secret(path.removeprefix("secrets:")) for path in site.memory if "secr" in path]
    assert len(values) == len([one for one in guard.paths() if one.startswith("secrets:")])
    assert not [one for one in values if one in text]
    again = guard.entry(COOKIE, site.secret("rabbitmq:erlang_cookie"))
    assert again["digest"] != site.memory[COOKIE]["digest"]


def put(path, value):
    def edit(cluster):
        *parents, leaf = path.split(":")
        tree = cluster
        for key in parents:
            tree = tree[key]
        tree[leaf] = value

    return edit


OTHERS = {
    "name": "other",
    "vip:address": "172.29.80.101",
    CTL: "172.29.80.77",
    STO: "172.29.80.78",
    "nodes:ctl2:hostname": "other",
    "nodes:cmp1:hostname": "another",
    COOKIE: "another-erlang-cookie",
    "secrets:rabbitmq:users:health": "another-password",
    "secrets:galera:accounts:health": "another-password",
    "secrets:swift:hash_path_prefix": "another-prefix",
    "secrets:swift:hash_path_suffix": "another-suffix",
}


def test_every_guarded_value_is_among_the_cases():
    others = {guard.OF_A_NODE.sub("nodes:<id>:", path) for path in OTHERS}
    assert others | {"swift:policies", "nodes:<id>:is_controller"} == set(guard.paths())


@pytest.mark.parametrize("path", OTHERS)
def test_another_value_is_refused_by_name_with_old_and_new_and_what_changes_it(site, path):
    is_secret = path.startswith("secrets:")
    old = None if is_secret else site.memory[path]["value"]
    before = site.secret(path.removeprefix("secrets:")) if is_secret else None
    put(path, OTHERS[path])(site.cluster)
    (line,) = site.objections()
    assert line.startswith(f"openstack_ha:{path}: ")
    if is_secret:
        assert OTHERS[path] not in line and before not in line
    else:
        assert f"{OTHERS[path]!r} is not {old!r}" in line
    # By the name under which the cluster runs.
    assert "that demo runs with" in line
    row = next(row for row in guard.TABLE if row.get("why", line + "?") in line)
    if "section" in row:
        assert f"`salt-run openstack_ha_guard.forget demo {path}`" in line
        assert place(line[line.index("docs/runbooks") :]) == (
            guard.RUNBOOK.removeprefix("docs/runbooks/"),
            row["section"],
        )
    else:
        assert line.endswith("Put the old one back")


def test_a_refusals_section_exists():
    titles = {row["section"] for row in guard.TABLE if "section" in row}
    assert titles <= set(sections(guard.RUNBOOK.removeprefix("docs/runbooks/")))


def test_every_other_value_is_told_at_once(site):
    for path in ("vip:address", COOKIE, STO):
        put(path, OTHERS[path])(site.cluster)
    assert len(site.objections()) == 3


def test_what_is_not_remembered_may_be_anything(site):
    del site.memory["vip:address"]
    put("vip:address", OTHERS["vip:address"])(site.cluster)
    assert site.objections() == []


def test_a_node_remembers_what_runs_on_it_and_no_more(site):
    view = openstack_ha_cluster.view(site.cluster, "sto1")
    systems = openstack_ha_cluster.systems(site.cluster, "sto1")
    asked = []

    def secret(path):
        asked.append(path)
        return site.secret(path)

    storage = guard.remembered({}, view, secret, ["swift.storage"])
    swift = {path for path in guard.paths() if "swift" in path}
    others = {f"nodes:{one}:address" for one in view["nodes"] if one.startswith("sto")}
    assert set(storage) == {"name", STO, *others, *swift}
    assert set(guard.remembered({}, view, secret, ["swift"])) == swift
    assert guard.objections(storage, view, secret, systems) == []
    assert set(asked) == {"swift:hash_path_prefix", "swift:hash_path_suffix"}


def test_what_a_part_runs_with_leaves_the_rest_as_it_was(site):
    put("vip:address", OTHERS["vip:address"])(site.cluster)
    after = guard.remembered(site.memory, site.cluster, site.secret, ["keepalived"])
    assert guard.changes(site.memory, after) == {
        "vip:address": {"old": "172.29.80.100", "new": OTHERS["vip:address"]}
    }
    # A secret that is the same keeps its salt.
    assert guard.remembered(site.memory, *site.asked()) == after


def test_changes_show_no_secret(site):
    found = guard.changes({}, site.memory)
    assert found[COOKIE] == {"old": None, "new": "a secret"}
    assert found["name"] == {"old": None, "new": "demo"}
    assert site.memory[COOKIE]["digest"] not in json.dumps(found)


def test_a_node_that_has_left_is_forgotten_and_may_come_back_elsewhere(site):
    node = site.cluster["nodes"].pop("sto1")
    assert site.objections() == []
    site.memory = guard.remembered(site.memory, site.cluster, site.secret, ["swift.storage"])
    assert STO not in site.memory
    site.cluster["nodes"]["sto1"] = {**node, "address": "172.29.80.78"}
    assert site.objections() == []


def _gone(cluster):
    del cluster["nodes"]["ctl3"]


def _without_its_role(cluster):
    cluster["nodes"]["ctl3"]["roles"] = ["storage"]


@pytest.mark.parametrize("edit", [_gone, _without_its_role])
def test_a_controller_leaves_before_it_is_taken_out_of_the_file(site, edit):
    edit(site.cluster)
    (line,) = [one for one in site.objections() if ":address" not in one]
    assert line.startswith("openstack_ha:nodes:ctl3: ")
    assert "`salt-run openstack_ha.leave demo ctl3`" in line
    # To the nodes that do not know of it yet the view says so.
    site.cluster["left"] = ["ctl3"]
    assert site.objections() == []


def test_a_controller_that_has_left_is_forgotten_and_a_new_one_is_remembered(site):
    node = site.cluster["nodes"].pop("ctl3")
    site.cluster["left"] = ["ctl3"]
    site.cluster["nodes"]["ctl4"] = {**node, "hostname": "ctl4", "address": "172.29.80.79"}
    after = guard.remembered(site.memory, *site.asked())
    assert {one for one in after if one.endswith(":is_controller")} == {
        f"nodes:{node}:is_controller" for node in ("ctl1", "ctl2", "ctl4")
    }


POLICIES = {"gold": {"index": 0, "is_default": True}, "silver": {"index": 1}}


@pytest.mark.parametrize(
    ("policies", "word"),
    [
        ({"gold": {"index": 0}, "silver": {"index": 1}, "bronze": {"index": 2}}, None),
        ({"platinum": {"index": 0}, "silver": {"index": 1}}, None),
        ({"gold": {"index": 0}}, "none has the index 1, that of 'silver'"),
        ({"gold": {"index": 1}, "silver": {"index": 0}}, "gold:index: 1 is not 0"),
    ],
)
def test_a_policy_keeps_its_index_and_an_index_its_objects(site, policies, word):
    site.cluster["swift"]["policies"] = POLICIES
    site.memory = guard.remembered(site.memory, *site.asked())
    site.cluster["swift"]["policies"] = policies
    found = site.objections()
    assert (word is None and found == []) or word in found[0]


def test_the_master_learns_what_its_own_file_says_and_nothing_else(site):
    said = copy.deepcopy(site.memory)
    said["vip:address"] = {"value": "172.29.80.66"}
    said[COOKIE] = guard.entry(COOKIE, "not-the-master's")
    said["galera"] = {"value": "what nobody guards"}
    found = guard.learned({}, said, *site.asked())
    assert set(found) == set(site.memory) - {"vip:address", COOKIE}
    assert found["secrets:rabbitmq:users:health"] == said["secrets:rabbitmq:users:health"]
    # What is known stays, and a policy's new name becomes known.
    site.cluster["swift"]["policies"] = {"platinum": {"index": 0, "is_default": True}}
    said = {"swift:policies": {"value": {"0": "platinum"}}}
    assert guard.learned(found, said, *site.asked()) == {**found, **said}


@pytest.mark.parametrize(
    "nonsense",
    [
        None,
        "text",
        {},
        {"value": "demo", "more": 1},
        {"salt": "x", "digest": "y"},
        {"salt": 1, "digest": 2},
        {"salt": "a" * 32, "digest": "a" * 1000},
    ],
)
def test_nonsense_of_a_node_is_not_learned(site, nonsense):
    said = dict.fromkeys(site.memory, nonsense)
    assert guard.learned({}, said, *site.asked()) == {}
    assert not guard.is_memory({"name": nonsense})
    # An entry of the other kind neither.
    assert not guard.is_memory({COOKIE: {"value": "x"}})
    assert not guard.is_memory(["name"])
    assert guard.is_memory(site.memory) and guard.is_memory({})


def test_a_node_is_asked_for_what_the_master_may_have_to_learn():
    nodes = {"ctl1": {}}
    said = ["name", "vip:address", "nodes:ctl1:address", "nodes:gone:address", "else", 1, None]
    assert guard.unknown({"name": {"value": "demo"}}, said, nodes) == [
        "nodes:ctl1:address",
        "vip:address",
    ]
    for nonsense in (None, "name", {"name": 1}, 7):
        assert guard.unknown({}, nonsense, nodes) == []
