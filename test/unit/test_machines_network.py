"""The machines' networks of a cluster file: each fault by path, value, reason and remedy."""

import netaddr
import openstack_ha_cluster
import openstack_ha_machines_network as networks
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import with_machines

PRIVATE = ("nova_network", "networks", "private")
POOL = ("nova_network", "floating_pools", "public", "ranges")
PATH = "openstack_ha:nova_network:networks:private"
FLOATING = "openstack_ha:nova_network:floating_pools:public:ranges:0"


@pytest.fixture
def cluster():
    return with_machines({"cmp[1-2]": "172.29.80.21-22"})


def _set(cluster, path, value):
    *parents, leaf = path
    branch = cluster
    for key in parents:
        branch = branch.setdefault(key, {})
    branch[leaf] = value


def test_a_cluster_with_machines_has_no_fault(cluster):
    assert openstack_ha_cluster.faults(cluster) == []


CASES = {
    "neutron": (
        ("network", "provider"),
        "neutron",
        "openstack_ha:network:provider: 'neutron' is not there yet; take nova_network, or leave "
        "it out: then there are no machines",
    ),
    "a newer Nova": (
        ("nova", "release"),
        "zed",
        "openstack_ha:nova:release: 'zed' has no nova-network: it went out of Nova, and no release "
        "after rocky runs it; leave nova:release out, which means rocky, or take "
        "network:provider: neutron once it is there",
    ),
    "no network": (
        ("nova_network", "networks"),
        {},
        "openstack_ha:nova_network:networks: there is none, and no machine has an address; name "
        "one with its range",
    ),
    "two flat networks": (
        ("nova_network", "networks", "other"),
        {"range": "10.21.0.0/24"},
        "openstack_ha:nova_network:networks: private, other are 2, and flat_dhcp serves one; keep "
        "one, or set nova_network:manager: vlan",
    ),
    "no range": (
        (*PRIVATE, "range"),
        "somewhere",
        f"{PATH}:range: 'somewhere' is no network such as 10.20.0.0/16",
    ),
    "an address for a range": (
        (*PRIVATE, "range"),
        "10.20.0.1",
        f"{PATH}:range: '10.20.0.1' is no network such as 10.20.0.0/16",
    ),
    "host bits": (
        (*PRIVATE, "range"),
        "10.20.0.1/24",
        f"{PATH}:range: '10.20.0.1/24' has host bits set; the network is 10.20.0.0/24",
    ),
    "IPv6": (
        (*PRIVATE, "range"),
        "fd00:1::/64",
        f"{PATH}:range: 'fd00:1::/64' is IPv6, which nova-network gives no machine here; take IPv4",
    ),
    "where metadata is": (
        (*PRIVATE, "range"),
        "169.254.0.0/16",
        f"{PATH}:range: 169.254.0.0/16 is reserved for other things; take e.g. 10.20.0.0/16",
    ),
    "too small": (
        (*PRIVATE, "range"),
        "10.20.0.0/30",
        f"{PATH}:range: 10.20.0.0/30 has 4 addresses, and 6 are needed: 3 are kept, each of 2 "
        "compute nodes takes one, and one machine; take a larger range",
    ),
    "too small for another gateway": (
        PRIVATE,
        {"range": "10.20.0.0/30", "gateway": "10.20.0.2"},
        f"{PATH}:range: 10.20.0.0/30 has 4 addresses, and 7 are needed: 4 are kept, each of 2 "
        "compute nodes takes one, and one machine; take a larger range",
    ),
    "too large": (
        (*PRIVATE, "range"),
        "10.0.0.0/8",
        f"{PATH}:range: 10.0.0.0/8 has 16777216 addresses, each a row in the database; take a "
        "smaller range",
    ),
    "in the management network": (
        (*PRIVATE, "range"),
        "172.29.80.128/28",
        f"{PATH}:range: 172.29.80.128/28 overlaps network:management 172.29.80.0/24, where the "
        "nodes and the VIP are; take a range of the machines' own",
    ),
    "around the management network": (
        (*PRIVATE, "range"),
        "172.29.0.0/16",
        f"{PATH}:range: 172.29.0.0/16 overlaps network:management 172.29.80.0/24, where the "
        "nodes and the VIP are; take a range of the machines' own",
    ),
    "a gateway elsewhere": (
        (*PRIVATE, "gateway"),
        "10.21.0.1",
        f"{PATH}:gateway: 10.21.0.1 lies outside the range 10.20.0.0/24",
    ),
    "a gateway at the end": (
        (*PRIVATE, "gateway"),
        "10.20.0.255",
        f"{PATH}:gateway: 10.20.0.255 is the network's own or broadcast address",
    ),
    "a gateway by name": (
        (*PRIVATE, "gateway"),
        "gw",
        f"{PATH}:gateway: 'gw' is no address",
    ),
    "a name server by name": (
        (*PRIVATE, "dns"),
        ["ns1"],
        f"{PATH}:dns: 'ns1' is no address",
    ),
    "a VLAN without VLANs": (
        (*PRIVATE, "vlan"),
        100,
        f"{PATH}:vlan: 100 is of nova_network:manager: vlan, and it is flat_dhcp; machines get "
        "nothing from a network with a VLAN there; leave it out",
    ),
    "a project by name": (
        (*PRIVATE, "project"),
        "demo",
        f"{PATH}:project: 'demo' is no project's id, which is what Nova compares; `openstack "
        "--os-cloud admin project show -f value -c id NAME` tells it",
    ),
    "the bridge is its port": (
        ("nova_network", "bridge"),
        "eth1",
        "openstack_ha:nova_network:bridge: eth1 is nova_network:interface, which has no address "
        "and is a port of the bridge; name another",
    ),
    "a name that the kernel does not take": (
        ("nova_network", "bridge"),
        "a-bridge-of-machines",
        "openstack_ha:nova_network:bridge: 'a-bridge-of-machines' does not fit: up to 15 letters, "
        "digits, _ . and -, a letter or digit first",
    ),
    "the interface of the node's address": (
        ("nodes", "cmp3"),
        {"address": "172.29.80.23", "roles": ["compute"], "interface": "eth1"},
        "openstack_ha:nova_network:interface: eth1 has the address of cmp3; nova-network needs "
        "one without an address",
    ),
    "no place for SNAT": (
        ("nova_network", "snat_ranges"),
        ["0.0.0.0"],
        "openstack_ha:nova_network:snat_ranges:0: '0.0.0.0' is no network such as 10.20.0.0/16",
    ),
    "floating rubble": (
        POOL,
        ["192.0.2.x"],
        f"{FLOATING}: '192.0.2.x' is no network such as 192.0.2.64/28 and no range such as "
        "192.0.2.10-19",
    ),
    "floating host bits": (
        POOL,
        ["192.0.2.1/28"],
        f"{FLOATING}: '192.0.2.1/28' is no network such as 192.0.2.64/28 and no range such as "
        "192.0.2.10-19 ('192.0.2.1/28' has host bits set; the network is 192.0.2.0/28)",
    ),
    "a range that is a network": (
        POOL,
        ["11.0-255.0-255.0-255"],
        f"{FLOATING}: '11.0-255.0-255.0-255' has more than 4096 addresses; write it as networks, "
        "or take fewer",
    ),
    "a million floating addresses": (
        POOL,
        ["11.0.0.0/12"],
        f"{FLOATING}: '11.0.0.0/12' is no network such as 192.0.2.64/28 and no range such as "
        "192.0.2.10-19 (11.0.0.0/12 has 1048576 addresses, each a row; take fewer)",
    ),
    "the VIP floats": (
        POOL,
        ["172.29.80.99-101"],
        f"{FLOATING}: 172.29.80.99-101 has 172.29.80.100, which is the VIP; leave it out",
    ),
    "a node's address floats": (
        POOL,
        ["172.29.80.22-29"],
        f"{FLOATING}: 172.29.80.22-29 has 172.29.80.22, which is the address of cmp2; leave it out",
    ),
    "the broadcast address floats": (
        POOL,
        ["172.29.80.250-255"],
        f"{FLOATING}: 172.29.80.250-255 has 172.29.80.255, which is the own or broadcast address "
        "of 172.29.80.0/24; leave it out",
    ),
    "a machine's address floats": (
        POOL,
        ["10.20.0.200-210"],
        f"{FLOATING}: 10.20.0.200-210 has 10.20.0.200, which is an address of the network private; "
        "leave it out",
    ),
    "two ranges overlap": (
        ("nova_network", "floating_pools", "second"),
        {"ranges": ["192.0.2.70-80"]},
        "openstack_ha:nova_network:floating_pools:second:ranges:0: 192.0.2.70-80 has 192.0.2.70, "
        "which is in the range 192.0.2.64/28 of public too; leave it out",
    ),
}


@pytest.mark.parametrize(("path", "value", "fault"), CASES.values(), ids=CASES)
def test_fault_is_named_by_path_value_and_reason(cluster, path, value, fault):
    _set(cluster, path, value)
    assert openstack_ha_cluster.faults(cluster) == [fault]


def test_a_compute_node_needs_who_gives_machines_their_network(cluster):
    del cluster["network"]["provider"]
    reason = (
        "the role compute needs network:provider, who gives machines their network; set "
        "network:provider: nova_network, or take the role away"
    )
    assert openstack_ha_cluster.faults(cluster) == [
        f"openstack_ha:nodes:cmp1:roles: {reason}",
        f"openstack_ha:nodes:cmp2:roles: {reason}",
    ]


@pytest.fixture
def vlans(cluster):
    cluster["nova_network"] = {
        "manager": "vlan",
        "networks": {
            "one": {"range": "10.20.0.0/24", "vlan": 100, "project": 32 * "a"},
            "two": {"range": "10.21.0.0/24", "vlan": 101},
            "three": {"range": "10.22.0.0/24"},
        },
    }
    return cluster


def test_networks_with_vlans_may_be_several(vlans):
    assert openstack_ha_cluster.faults(vlans) == []


VLANS = {
    "one VLAN twice": (
        ("two", "vlan"),
        100,
        "openstack_ha:nova_network:networks:two:vlan: 100 is the VLAN of one too",
    ),
    "two networks overlap": (
        ("two", "range"),
        "10.20.0.128/25",
        "openstack_ha:nova_network:networks:two:range: 10.20.0.128/25 overlaps 10.20.0.0/24 of one",
    ),
    "name servers that nova-network would mix": (
        ("two", "dns"),
        ["192.0.2.53"],
        "openstack_ha:nova_network:networks:two:dns: is not that of one, and nova-network mixes "
        "the name servers of all networks; give every network the same, or none",
    ),
}


@pytest.mark.parametrize(("path", "value", "fault"), VLANS.values(), ids=VLANS)
def test_fault_of_several_networks(vlans, path, value, fault):
    _set(vlans, ("nova_network", "networks", *path), value)
    assert openstack_ha_cluster.faults(vlans) == [fault]


def test_no_view_has_a_fault_that_the_file_has_not(cluster):
    whole = openstack_ha_cluster.complete(cluster)
    for node in whole["nodes"]:
        view = openstack_ha_cluster.view(whole, node)
        assert openstack_ha_cluster.faults(view, node) == []


ADDRESSES = {
    "192.0.2.64/28": ["192.0.2.65", "192.0.2.78", 14],
    "192.0.2.64/31": ["192.0.2.64", "192.0.2.65", 2],
    "192.0.2.7/32": ["192.0.2.7", "192.0.2.7", 1],
    "192.0.2.7": ["192.0.2.7", "192.0.2.7", 1],
    "192.0.2.10-19": ["192.0.2.10", "192.0.2.19", 10],
}


@pytest.mark.parametrize(("text", "some"), ADDRESSES.items(), ids=ADDRESSES)
def test_floating_addresses_of_a_range(text, some):
    found = sorted(networks.floating_addresses(text))
    assert [str(found[0]), str(found[-1]), len(found)] == some


@given(base=st.integers(0, 2**32 - 1), prefix=st.integers(14, 30))
def test_a_network_floats_as_nova_itself_would_take_it(base, prefix):
    network = netaddr.IPNetwork((base, prefix)).cidr
    found = networks.floating_addresses(str(network))
    assert (len(found), found.iprange().first) == (network.size - 2, network.first + 1)


@given(text=st.text(max_size=20) | st.from_regex(r"[0-9./-]{1,18}", fullmatch=True))
def test_rubble_is_named_and_no_traceback(text):
    cluster = with_machines({"cmp1": "172.29.80.21"})
    cluster["nova_network"]["networks"]["private"] |= {"range": text, "gateway": text}
    cluster["nova_network"]["floating_pools"]["public"]["ranges"] = [text]
    for line in openstack_ha_cluster.faults(cluster):
        assert line.startswith("openstack_ha:nova_network:")
