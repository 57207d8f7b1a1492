"""What is in Nova's database against what the cluster file names, and how one gets to the other."""

import netaddr
import openstack_ha_nova_network as nova_network
import openstack_ha_nova_network_changes as plan
import openstack_ha_nova_quota
import openstack_ha_schema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import with_machines

PROJECT, OTHER = 32 * "a", 32 * "b"


def section(**more):
    """The cluster file's, as a node sees it."""
    cluster = with_machines({"cmp1": "172.29.80.21"})
    cluster["nova_network"] |= more
    return openstack_ha_schema.with_defaults(cluster)["nova_network"]


def network(label="private", range_="10.20.0.0/24", **more):
    """One that is there, as nova-manage makes it."""
    return {
        "label": label,
        "range": range_,
        "gateway": str(netaddr.IPNetwork(range_)[1]),
        "dns": ["8.8.4.4"],
        "vlan": None,
        "project": None,
        "bridge": "br100",
        "is_multi_host": True,
        "machines": 0,
        "nodes": 0,
        **more,
    }


def pool(free=("192.0.2.65-192.0.2.78",), taken=()):
    def cidrs(some):
        ends = [one.split("-") for one in some]
        return [str(cidr) for one in ends for cidr in netaddr.iprange_to_cidrs(one[0], one[-1])]

    return {"free": cidrs(free), "taken": cidrs(taken)}


def there(*networks, **pools):
    return {"networks": list(networks), "floating": pools}


WHOLE = there(network(), public=pool())


def verdicts(some):
    return [(one["verdict"], one["subject"]) for one in some]


def test_nothing_is_there():
    some = plan.changes(section(), there())
    assert verdicts(some) == [
        ("create_network", "network private"),
        ("create_floating", "floating pool public"),
    ]
    assert plan.shown(some) == {
        "network private": {"old": "absent", "new": "10.20.0.0/24"},
        "floating pool public": {"old": "absent", "new": "192.0.2.65-192.0.2.78"},
    }
    assert some[1]["arguments"] == {"pool": "public", "ranges": ["192.0.2.64/28"]}
    assert nova_network.create_arguments(some[0]["arguments"]["network"]) == [
        *("network", "create", "--label", "private", "--fixed_range_v4", "10.20.0.0/24"),
        *("--num_networks", "1", "--network_size", "256", "--multi_host", "T"),
        *("--bridge", "br100", "--bridge_interface", "eth1"),
    ]


def test_everything_is_there():
    assert plan.changes(section(), WHOLE) == []
    assert plan.changes(section(), there(network(dns=[]), public=pool())) == []


def test_what_a_network_may_have_more():
    own = section()["networks"]["private"] | {
        "gateway": "10.20.0.254",
        "dns": ["192.0.2.53", "192.0.2.54"],
        "project": PROJECT,
    }
    (change,) = plan.changes(section(networks={"private": own}), there(public=pool()))
    words = nova_network.create_arguments(change["arguments"]["network"])
    pairs = dict(zip(words[2::2], words[3::2], strict=True))
    assert pairs.items() >= {
        ("--gateway", "10.20.0.254"),
        ("--dns1", "192.0.2.53"),
        ("--dns2", "192.0.2.54"),
        ("--project_id", PROJECT),
    }


def vlans(**more):
    networks = {
        "one": {"range": "10.20.0.0/24", "vlan": 100},
        "two": {"range": "10.21.0.0/24"},
        "three": {"range": "10.22.0.0/24"},
    }
    return section(manager="vlan", networks=networks, floating_pools={}, **more)


def test_a_vlan_that_nobody_has_is_chosen():
    (one, two, three) = plan.changes(vlans(), there())
    chosen = [change["arguments"]["network"] for change in (one, two, three)]
    assert [(net["vlan"], net["bridge"]) for net in chosen] == [
        (100, "br100"),
        (101, "br101"),
        (102, "br102"),
    ]
    stranger = network("stranger", "10.30.0.0/24", vlan=101, machines=1)
    some = plan.changes(vlans(), there(stranger))
    created = [one["arguments"]["network"]["vlan"] for one in some if one["verdict"] != "refuse"]
    assert created == [100, 102, 103]


def test_a_network_with_a_vlan_is_its_first_projects():
    found = there(
        network("one", "10.20.0.0/24", vlan=100, bridge="br100", project=PROJECT, machines=3),
        network("two", "10.21.0.0/24", vlan=107, bridge="br107"),
        network("three", "10.22.0.0/24", vlan=102, bridge="br102"),
    )
    assert plan.changes(vlans(), found) == []


DIFFERING = {
    "range": (network(range_="10.21.0.0/24"), "range 10.21.0.0/24, gateway 10.21.0.1"),
    "gateway": (network(gateway="10.20.0.9"), "gateway 10.20.0.9"),
    "dns": (network(dns=["192.0.2.53"]), "dns 192.0.2.53"),
    "vlan": (network(vlan=100), "vlan 100"),
    "bridge": (network(bridge="br0"), "bridge br0"),
    "one gateway for all": (network(is_multi_host=False), "is_multi_host False"),
}


@pytest.mark.parametrize(("one", "have"), DIFFERING.values(), ids=DIFFERING)
def test_a_network_that_differs_is_refused_or_made_anew(one, have):
    (change,) = plan.changes(section(), there(one, public=pool()))
    assert change["verdict"] == "refuse"
    assert f"the network private is there with {have}, and the cluster file has " in change["why"]
    assert change["way_out"] == (
        f"put {have} back into nova_network:networks:private, or set nova_network:prune: true; "
        "docs/systems/nova_network.md, 'A network cannot change'"
    )
    (change,) = plan.changes(section(prune=True), there(one, public=pool()))
    assert (change["verdict"], change["old"]) == ("remove_network", have)


@pytest.mark.parametrize("who", ["machines", "nodes"])
def test_what_somebody_uses_is_never_removed(who):
    used = network(range_="10.21.0.0/24", **{who: 1})
    (change,) = plan.changes(section(prune=True), there(used, public=pool()))
    assert change["verdict"] == "refuse"
    assert "prune" not in change["way_out"]
    old = network("old", "10.30.0.0/24", **{who: 1})
    (change,) = plan.changes(section(prune=True), there(network(), old, public=pool()))
    assert change["verdict"] == "refuse"
    assert "prune" not in change["way_out"]


def test_a_network_that_is_not_named_goes_when_the_cluster_file_says_so():
    found = there(network(), network("old", "10.30.0.0/24", project=PROJECT), public=pool())
    (change,) = plan.changes(section(), found)
    assert change["verdict"] == "refuse"
    assert change["way_out"].startswith(
        "name it in nova_network:networks, or set nova_network:prune: true; "
    )
    (change,) = plan.changes(section(prune=True), found)
    assert change["verdict"] == "remove_network"
    assert change["arguments"] == {"cidr": "10.30.0.0/24", "project": PROJECT}


def test_a_network_waits_for_the_one_in_its_way():
    found = there(network("old", "10.20.0.0/16"), public=pool())
    assert verdicts(plan.changes(section(prune=True), found)) == [("remove_network", "network old")]
    assert verdicts(plan.changes(section(), found)) == [("refuse", "network old")]


def test_two_networks_of_one_name_are_a_persons():
    found = there(network(), network(range_="10.21.0.0/24"), public=pool())
    some = plan.changes(section(prune=True), found)
    assert {one["verdict"] for one in some} == {"refuse"}


def test_a_network_without_machines_may_be_another_projects():
    own = {**section()["networks"]["private"], "project": OTHER}
    wish = section(networks={"private": own})
    (change,) = plan.changes(wish, there(network(project=PROJECT), public=pool()))
    assert change["verdict"] == "assign_network"
    assert nova_network.assign_arguments(**change["arguments"]) == [
        *("network", "modify", "--fixed_range", "10.20.0.0/24", "--project", OTHER)
    ]
    found = there(network(project=PROJECT, machines=1), public=pool())
    assert verdicts(plan.changes(wish, found)) == [("refuse", "network private")]
    assert nova_network.assign_arguments("10.20.0.0/24", None)[-1] == "--disassociate-project"


def test_a_pool_grows_by_what_it_lacks():
    found = there(network(), public=pool(["192.0.2.65-192.0.2.70"], ["192.0.2.71-192.0.2.72"]))
    (change,) = plan.changes(section(), found)
    assert change["verdict"] == "create_floating"
    # Of which Nova takes the six in the middle.
    assert change["arguments"]["ranges"] == ["192.0.2.72/29"]


def test_a_pool_shrinks_when_nobody_has_the_address_and_the_cluster_file_says_so():
    found = there(network(), public=pool(["192.0.2.65-192.0.2.80"], ["192.0.2.81"]))
    (change,) = plan.changes(section(), found)
    assert change["verdict"] == "refuse"
    assert "and somebody has 1 of its addresses" in change["why"]
    removal, refusal = plan.changes(section(prune=True), found)
    assert removal["verdict"] == "remove_floating"
    assert removal["arguments"] == {"ranges": ["192.0.2.79", "192.0.2.80"]}
    assert refusal["verdict"] == "refuse"
    assert "192.0.2.81" in refusal["why"]


def test_an_address_changes_its_pool_when_it_is_free():
    found = there(network(), old=pool())
    assert verdicts(plan.changes(section(), found)) == [("refuse", "floating pool old")]
    assert verdicts(plan.changes(section(prune=True), found)) == [
        ("remove_floating", "floating pool old")
    ]


def test_refusals_hold_nothing_else_up():
    found = there(network("old", "10.30.0.0/24", machines=1))
    assert [one["verdict"] for one in plan.changes(section(), found)] == [
        "create_network",
        "create_floating",
        "refuse",
    ]


def taken_by_nova(ranges):
    """As ``FloatingIpCommands.address_to_hosts`` of nova-manage takes them."""
    for text in ranges:
        if "/" in text:
            assert netaddr.IPNetwork(text).size >= 4
            yield from netaddr.IPNetwork(text).iter_hosts()
        else:
            yield netaddr.IPAddress(text)


@given(
    runs=st.lists(
        st.tuples(st.integers(2**24, 2**24 + 5000), st.integers(1, 600)), min_size=1, max_size=4
    )
)
def test_nova_makes_exactly_the_addresses_that_are_lacking(runs):
    wish = netaddr.IPSet()
    for first, count in runs:
        wish |= netaddr.IPSet(netaddr.IPRange(first, first + count - 1))
    made = list(taken_by_nova(nova_network.blocks(wish)))
    assert len(made) == len(set(made))
    assert netaddr.IPSet(made) == wish


def test_no_call_is_for_a_million_addresses():
    some = netaddr.IPSet(netaddr.IPRange("11.0.0.1", "11.31.255.254"))
    sizes = [netaddr.IPNetwork(one).size for one in nova_network.blocks(some)]
    assert max(sizes) < 10**6


def test_rows_become_what_was_found():
    networks = [
        [1, "private", "10.20.0.0/24", "10.20.0.1", "8.8.4.4", None, None, None, "br100", 1],
        [2, "other", "10.21.0.0/24", "10.21.0.1", None, None, 100, PROJECT, "br100", 0],
    ]
    floating = [
        ["public", "192.0.2.65", 0],
        ["public", "192.0.2.66", 1],
        ["public", "192.0.2.64", 0],
    ]
    assert nova_network.told(networks, [[1, "2", "3"]], floating) == {
        "networks": [
            network(machines=2, nodes=3),
            network(
                "other", "10.21.0.0/24", dns=[], vlan=100, project=PROJECT, is_multi_host=False
            ),
        ],
        "floating": {"public": {"free": ["192.0.2.64/31"], "taken": ["192.0.2.66/32"]}},
    }


def test_who_has_an_address_keeps_it():
    found = there(public=pool(["192.0.2.65"], ["192.0.2.66-192.0.2.67"]))
    assert nova_network.held(found, ["192.0.2.64/29"]) == ["192.0.2.66-192.0.2.67"]
    assert nova_network.held(found, ["192.0.2.65"]) == []


def test_dnsmasq_asks_the_networks_own_servers_where_there_are_some():
    assert not nova_network.asks_own_servers(section())
    own = {"range": "10.20.0.0/24", "dns": ["192.0.2.53"]}
    assert nova_network.asks_own_servers(section(networks={"private": own}))


def test_limits_are_novas_own_where_nobody_says_otherwise():
    view = openstack_ha_schema.with_defaults(with_machines({}) | {"nova": {"quotas": {"ram": -1}}})
    quota = openstack_ha_nova_quota.quota(view)
    assert quota["ram"] == -1
    assert (quota["instances"], quota["fixed_ips"]) == (10, -1)
