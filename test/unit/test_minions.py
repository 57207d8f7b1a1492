"""Keys, names and interfaces of the minions that are to be a cluster file's nodes."""

import pytest
from openstack_ha_minions import warnings

NOBODY = {"accepted": [], "pending": [], "rejected": [], "denied": []}


def cluster(nodes=("ctl1", "ctl2"), **vip):
    return {
        "vip": vip,
        "nodes": {
            node: {"address": f"10.0.0.{number}", "roles": ["controller"]}
            for number, node in enumerate(nodes, 1)
        },
    }


def told(found, keys=None, grains=None, known=None):
    keys = {**NOBODY, "accepted": list(found["nodes"])} if keys is None else {**NOBODY, **keys}
    return warnings(found, keys, grains or {}, known or list(found["nodes"]))


def test_a_master_that_knows_its_nodes_has_nothing_to_say():
    grains = {"ctl1": {"ip_interfaces": {"lo": ["127.0.0.1"], "eth0": ["10.0.0.1", "fe80::1"]}}}
    assert told(cluster(interface="eth0"), grains=grains) == []


KEYS = {
    "one waits": ({"accepted": ["ctl2"], "pending": ["ctl1"]}, "ctl1 waits to be accepted: "),
    "several wait": ({"pending": ["ctl1", "ctl2"]}, "ctl1, ctl2 wait to be accepted: "),
    "one is rejected": (
        {"accepted": ["ctl2"], "rejected": ["ctl1"]},
        "ctl1 is rejected: `salt-key --include-all --accept=ctl1`",
    ),
    "one is another": (
        {"accepted": ["ctl1", "ctl2"], "denied": ["ctl1"]},
        "ctl1 comes with another key than the accepted one: where that is a new host, "
        "`salt-key --delete=ctl1`, and restart its salt-minion",
    ),
    "one never came": (
        {"accepted": ["ctl1"]},
        "ctl2 has never come to this master (`salt-key --list-all`): it needs a salt-minion with "
        "this master and `id: ctl2`, a name of openstack_ha:nodes",
    ),
    "a full name": (
        {"accepted": ["ctl1"], "pending": ["CTL2.example.org"]},
        "ctl2 is no minion's id, and CTL2.example.org of `salt-key --list-all` is in no cluster "
        "file: give it that name in openstack_ha:nodes, or the minion `id: ctl2`",
    ),
}


@pytest.mark.parametrize(("keys", "begin"), KEYS.values(), ids=KEYS)
def test_what_became_of_a_key_is_told_with_its_command(keys, begin):
    (line,) = told(cluster(), keys)
    assert line.startswith(begin)


def test_another_clusters_node_is_nobodys_wrong_name():
    keys = {"accepted": ["ctl1", "ctl2.example.org"]}
    (line,) = told(cluster(), keys, known=["ctl1", "ctl2", "ctl2.example.org"])
    assert line.startswith("ctl2 has never come to this master")


def test_strangers_of_a_shared_master_are_their_own_affair():
    keys = {"accepted": ["ctl1", "ctl2", "web1"], "pending": ["web2"]}
    assert told(cluster(), keys) == []


def test_hundreds_are_one_line():
    (line,) = told(cluster([f"cmp{number}" for number in range(300)]), {})
    assert "cmp7 and 292 more have never come to this master" in line


def test_an_interface_that_a_node_has_not_is_told_with_those_it_has():
    grains = {"ctl2": {"ip_interfaces": {"lo": ["127.0.0.1"], "eno1": ["10.0.0.2"]}}}
    (line,) = told(cluster(interface="bond0"), grains=grains)
    assert line.startswith("openstack_ha:vip:interface: ctl2 has no bond0, but lo, eno1; ")
    found = cluster()
    found["nodes"]["ctl2"]["interface"] = "eth0"
    (line,) = told(found, grains=grains)
    assert line.startswith("openstack_ha:nodes:ctl2:interface: ctl2 has no eth0, but lo, eno1; ")


def test_an_address_that_a_node_has_not_is_told():
    grains = {"ctl2": {"ip_interfaces": {"lo": ["127.0.0.1"], "eno1": [], "eno2": ["10.0.0.9"]}}}
    (line,) = told(cluster(), grains=grains)
    assert line == (
        "openstack_ha:nodes:ctl2:address: 10.0.0.2 is on no interface of ctl2, which has lo "
        "(127.0.0.1), eno1 (no address), eno2 (10.0.0.9); `salt ctl2 saltutil.refresh_grains` "
        "where that has just changed"
    )


def test_the_vips_interface_is_a_controllers():
    found = cluster(interface="bond0")
    found["nodes"]["ctl2"]["roles"] = ["compute"]
    grains = {"ctl2": {"ip_interfaces": {"eno1": ["10.0.0.2"]}}}
    assert told(found, grains=grains) == []


@pytest.mark.parametrize("said", [{}, {"ip_interfaces": None}, {"ip_interfaces": "x"}])
def test_a_node_that_says_nothing_of_itself_is_unknown(said):
    assert told(cluster(interface="bond0"), grains={"ctl1": said}) == []
