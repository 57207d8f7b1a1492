"""One controller brings networks to what the cluster file names: its rule."""

import openstack_ha_cluster
import openstack_ha_nova_network_rule as rule
import openstack_ha_rule
import pytest
from support import with_machines
from test_nova_network import WHOLE, network, pool, there

MEMBERS = ["ctl1", "ctl2", "ctl3"]


def cluster(**more):
    found = with_machines({"cmp1": "172.29.80.21"})
    found["nova_network"] |= more
    return openstack_ha_cluster.complete(found)


def said(found=WHOLE, **more):
    return {"is_ready": True, "pending": "nothing", **found, **more}


def decide(*three, **more):
    found = dict(zip(MEMBERS, three, strict=True))
    case = {"cluster": cluster(**more), "nodes": MEMBERS, "found": found, "now": 0.0}
    (decision,) = rule.decide(case)
    return decision


def word(decision):
    return decision["verdict"], decision["nodes"]


UNABLE = {
    "silent": None,
    "an error": {"error": "no systemd"},
    "not ready": said(there(), is_ready=False),
    "without a schema": said(there(), pending="sync"),
    "with an old schema": said(there(), pending="expand"),
    "with a database that does not answer": said({"networks": None, "floating": None}),
    "with nonsense for a range": said(there(network() | {"range": "x"})),
    "with nonsense for an address": said(there(public={"free": ["x"], "taken": []})),
}


@pytest.mark.parametrize("one", UNABLE.values(), ids=UNABLE)
def test_who_cannot_tell_does_nothing_and_another_one_does(one):
    assert word(decide(one, one, one)) == ("wait", [])
    assert word(decide(one, said(there()), one)) == ("create_network", ["ctl2"])
    assert word(decide(one, one, said())) == ("settled", [])


def test_an_old_module_is_not_taken_for_an_answer():
    old = {"lacks": "openstack_ha_nova_network.evidence"}
    assert word(decide(said(), old, said())) == ("refuse", ["ctl2"])


def test_one_change_after_another_by_one_controller():
    found = there(network())
    first = decide(*3 * [said(there())])
    assert word(first) == ("create_network", ["ctl1"])
    assert first["why"] == "network private: absent becomes 10.20.0.0/24"
    assert first["arguments"]["network"]["range"] == "10.20.0.0/24"
    second = decide(*3 * [said(found)])
    assert word(second) == ("create_floating", ["ctl1"])
    assert word(decide(*3 * [said()])) == ("settled", [])
    assert not any(one.get("is_final") for one in (first, second))


def test_what_goes_is_looked_at_once_more():
    old = network("old", "10.30.0.0/24")
    some = there(network(), old, public=pool(["192.0.2.65-192.0.2.79"]))
    first = decide(*3 * [said(some)], prune=True)
    assert (first["verdict"], first["is_final"]) == ("remove_network", True)
    some = there(network(), public=pool(["192.0.2.65-192.0.2.79"]))
    first = decide(*3 * [said(some)], prune=True)
    assert (first["verdict"], first["is_final"]) == ("remove_floating", True)


def test_a_refusal_has_its_way_out_and_says_how_many_there_are():
    old = [network(name, f"10.{n}.0.0/24", machines=1) for n, name in enumerate(("a", "b"), 30)]
    found = decide(*3 * [said(there(network(), *old, public=pool()))])
    assert word(found) == ("refuse", [])
    assert found["why"].startswith("the network a (10.30.0.0/24) is not in the cluster file, ")
    assert found["why"].endswith("; 1 more")
    assert found["way_out"].startswith("name it in nova_network:networks; docs/systems/")


def test_who_answers_hears_it_and_the_next_look_is_at_once_after_a_step():
    case = {"found": {"ctl1": said(), "ctl2": None, "ctl3": {"error": "x"}}}
    assert rule.listeners(case, {}) == ["ctl1"]
    assert rule.again(case, {}, {}) == 0
    assert rule.again(case, {}, None) is None
    assert rule.again(case, {}, {"ctl1": "x"}) is None
    assert rule.remember(case, {}) == {}


def test_every_change_is_a_verdict():
    assert set(rule.FINAL) < set(rule.VERDICTS)
    assert not set(rule.VERDICTS) & set(openstack_ha_rule.RESTING)


def test_controllers_are_asked_where_machines_have_their_network_from_nova_network():
    whole = cluster()
    assert openstack_ha_cluster.looked_after_on(whole, "nova_network") == MEMBERS
    del whole["network"]["provider"]
    assert openstack_ha_cluster.looked_after_on(whole, "nova_network") == []
