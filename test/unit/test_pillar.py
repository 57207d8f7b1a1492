"""What each minion's pillar gets of a cluster file."""

import openstack_ha_cluster
import openstack_ha_secrets
import pytest
from runners import load, utils
from salt.exceptions import CommandExecutionError
from support import example

KEYS = {"fernet": {"0": "the-staged-key"}, "credential": {"0": "another-key"}}


@pytest.fixture
def pillar():
    """The external pillar over the example, and a keyring."""
    module = load("_pillar", "openstack_ha", __utils__=utils())
    cluster = openstack_ha_cluster.complete(example())
    module.__salt__ = {
        "openstack_ha_cluster.current": lambda path: {"cluster": cluster, "broken": None},
        "openstack_ha_fernet.keyring": lambda name: KEYS,
        "openstack_ha_applied.hand_out": lambda cluster: "0123456789abcdef",
    }
    return module


def raising(text):
    def call(*args):
        raise CommandExecutionError(text)

    return call


def test_a_fault_is_the_whole_pillar_of_everybody(pillar):
    pillar.__salt__["openstack_ha_cluster.current"] = raising("vip: is missing\nnodes: are missing")
    for minion_id in ("ctl1", "stranger"):
        found = pillar.ext_pillar(minion_id, {}, "x")
        assert found == {"_errors": ["vip: is missing", "nodes: are missing"]}


def test_a_file_that_is_broken_refuses_state_runs_and_leaves_nodes_their_view(pillar):
    last = pillar.__salt__["openstack_ha_cluster.current"]("x")["cluster"]
    broken = {"since": 1, "faults": ["vip: is missing"]}
    pillar.__salt__["openstack_ha_cluster.current"] = lambda path: {
        "cluster": last,
        "broken": broken,
    }
    found = pillar.ext_pillar("ctl1", {}, "x")
    assert found["_errors"] == ["vip: is missing"]
    assert found["openstack_ha"]["view_of"] == "ctl1"
    # Other minions of the same master are no affair of this file's.
    assert pillar.ext_pillar("stranger", {}, "x") == {}


def test_a_stranger_gets_nothing(pillar):
    assert pillar.ext_pillar("stranger", {}, "x") == {}


def test_keys_go_to_those_who_run_keystone(pillar):
    own = pillar.ext_pillar("ctl1", {}, "x")["openstack_ha"]
    assert own["view_of"] == "ctl1"
    assert own["version"] == "0123456789abcdef"
    assert own["secrets"]["keystone"]["fernet_keys"] == KEYS["fernet"]
    assert own["secrets"]["keystone"]["credential_keys"] == KEYS["credential"]
    storage = pillar.ext_pillar("sto1", {}, "x")
    assert "the-staged-key" not in repr(storage)
    assert "galera" not in storage["openstack_ha"]["secrets"]


def test_a_cluster_without_keys_has_a_pillar(pillar):
    pillar.__salt__["openstack_ha_fernet.keyring"] = lambda name: None
    own = pillar.ext_pillar("ctl1", {}, "x")["openstack_ha"]
    assert "fernet_keys" not in own["secrets"]["keystone"]


def test_keys_that_cannot_be_read_are_an_error(pillar):
    pillar.__salt__["openstack_ha_fernet.keyring"] = raising("the keyring cannot be read")
    assert pillar.ext_pillar("ctl1", {}, "x") == {"_errors": ["the keyring cannot be read"]}


def test_a_node_is_of_one_cluster(pillar):
    other = {"openstack_ha": {"view_of": "ctl1", "name": "other"}}
    (line,) = pillar.ext_pillar("ctl1", other, "x")["_errors"]
    assert line.startswith("openstack_ha:nodes:ctl1: ctl1 is a node of other too")
    plain = {"openstack_ha": {"name": "a pillar of somebody's"}}
    assert "openstack_ha" in pillar.ext_pillar("ctl1", plain, "x")


def test_a_proxy_knows_its_own_user_and_no_other_of_keystones_secrets():
    seen = openstack_ha_secrets.visible(example()["secrets"], ["swift.proxy"])
    assert {name: list(found) for name, found in seen["keystone"].items()} == {"users": ["swift"]}


def test_what_is_handed_out_is_what_the_cluster_file_says(pillar):
    """Keys come and go with rotations; a version that had them would be a change each time."""
    handed = []
    pillar.__salt__["openstack_ha_applied.hand_out"] = lambda cluster: handed.append(repr(cluster))
    for _ in range(2):
        assert "the-staged-key" in repr(pillar.ext_pillar("ctl1", {}, "x"))
    assert "the-staged-key" not in "".join(handed)
