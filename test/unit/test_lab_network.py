"""The lab's networks, its hosts' options, and partitions as nft scripts."""

import ipaddress
from types import SimpleNamespace

import pytest
from docker.errors import APIError
from docker.types import HostConfig
from hypothesis import given
from hypothesis import strategies as st

from lab import engine, network, partition, summary
from lab.errors import LabError

WANTED = "172.29.80.0/24"


def _network(number, prefixlen):
    start = int(ipaddress.ip_address("172.29.80.0")) + number * 64
    return str(ipaddress.ip_network((start, prefixlen), strict=False))


NEIGHBOURS = st.builds(_network, st.integers(0, 40), st.integers(21, 28))


@given(st.lists(NEIGHBOURS, max_size=8))
def test_the_first_free_network_is_free_and_none_before_it_is(taken):
    used = [ipaddress.ip_network(cidr) for cidr in taken]
    candidate = ipaddress.ip_network(WANTED)
    while any(candidate.overlaps(other) for other in used):
        candidate = ipaddress.ip_network((int(candidate[0]) + 256, 24))
    assert network.first_free(WANTED, taken) == str(candidate)


class _Networks:
    """Docker's networks: what it lists, and what another lab has taken since."""

    def __init__(self, listed, hidden, refusal="Pool overlaps with other one"):
        self.subnets, self.hidden, self.refusal = [*listed], hidden, refusal

    def list(self, filters=None):
        known = [] if filters else self.subnets
        return [self._network(cidr) for cidr in known]

    def create(self, _name, *, ipam, **_options):
        (pool,) = ipam["Config"]
        if pool["Subnet"] in self.hidden:
            raise APIError("403 Client Error", explanation=self.refusal)
        return self._network(pool["Subnet"])

    def _network(self, cidr):
        return SimpleNamespace(attrs={"IPAM": {"Config": [{"Subnet": cidr}]}})


def test_a_network_that_another_lab_takes_first_is_passed_over():
    networks = _Networks(listed=[WANTED], hidden=["172.29.81.0/24", "172.29.82.0/24"])
    made = network.claim(SimpleNamespace(networks=networks), "lab", WANTED)
    assert network.subnets(made) == ["172.29.83.0/24"]


def test_another_refusal_of_dockers_is_told():
    networks = _Networks(listed=[], hidden=[WANTED], refusal="permission denied")
    with pytest.raises(LabError, match="permission denied"):
        network.claim(SimpleNamespace(networks=networks), "lab", WANTED)


def test_a_network_of_the_other_version_takes_nothing():
    assert network.first_free(WANTED, ["fd00::/8", "::/0"]) == WANTED


def test_nameservers_are_those_that_a_container_reaches():
    text = """# nameserver 192.0.2.1
nameserver 127.0.0.53
nameserver 192.0.2.53
nameserver ::1
nameserver\t2001:db8::53
nameserver
search nameserver example.org
"""
    assert network.nameservers(text) == ["192.0.2.53", "2001:db8::53"]


@given(st.ip_addresses(v=4).map(str), st.ip_addresses(v=4).map(str))
def test_mac_addresses_are_unicast_local_and_one_an_address(one, other):
    first = bytes.fromhex(network.mac_of(one).replace(":", ""))
    assert (len(first), first[0] & 0b11) == (6, 0b10)
    assert (network.mac_of(one) == network.mac_of(other)) == (one == other)


def test_an_address_is_counted_from_the_networks_own():
    assert network.address_of("192.0.2.64/26", 2) == "192.0.2.66"


def _elements(script):
    """What the set of cut addresses has after a script, and how many rules each chain has."""
    tables, elements, rules = set(), set(), {}
    for line in filter(None, script.splitlines()):
        verb, kind, family, table, *rest = line.split()
        if kind == "table":
            tables.add(table) if verb == "add" else tables.remove(table)
        else:
            assert table in tables, line
        if kind == "element":
            given = {word.strip(",") for word in rest[2:-1]}
            assert given, "nft refuses an empty list"
            if verb == "add":
                elements |= given
            else:
                assert given <= elements, "nft refuses to delete what is not there"
                elements -= given
        elif kind == "chain":
            rules[rest[0]] = 0 if verb == "flush" else rules.get(rest[0], 0)
        elif kind == "rule":
            rules[rest[0]] += 1
    return elements, rules


A, B = "02:42:ac:1d:50:0b", "02:42:ac:1d:50:0c"
ONE_EACH = {"in": 1, "out": 1}


@pytest.mark.parametrize(
    ("scripts", "cut"),
    [
        pytest.param([partition.cut([])], set(), id="nobody is no empty list"),
        pytest.param([partition.cut([A, B])], {A, B}, id="both are cut"),
        pytest.param([partition.cut([A]), partition.cut([B])], {A, B}, id="a second cut adds"),
        pytest.param([partition.cut([A, B]), partition.mend(A)], {B}, id="one passes again"),
        pytest.param([partition.mend(A)], set(), id="mending what is whole is no error"),
        pytest.param([partition.MEND_ALL], set(), id="nor is mending all"),
    ],
)
def test_partitions_add_up_and_their_rules_do_not(scripts, cut):
    elements, rules = _elements("".join(scripts))
    assert elements == cut
    assert rules in ({}, ONE_EACH)


def test_both_directions_are_dropped():
    script = partition.cut([A])
    assert "in ether saddr @cut drop" in script
    assert "out ether daddr @cut drop" in script


@pytest.mark.parametrize(("version", "mode"), [("1", None), ("2", "host")])
def test_systemd_has_its_cgroup_under_both_versions(version, mode):
    config = HostConfig(version="1.41", **engine.host_options(version, has_kvm=False))
    assert config.get("CgroupnsMode") == mode
    assert "/sys/fs/cgroup:/sys/fs/cgroup:rw" in config["Binds"]


@pytest.mark.parametrize("has_kvm", [True, False])
def test_hosts_have_the_devices_that_this_machine_has(has_kvm):
    devices = engine.host_options("1", has_kvm)["devices"]
    assert (str(engine.KVM) in devices) is has_kvm
    assert str(engine.TUN) in devices


@pytest.mark.parametrize("has_disks", [True, False])
def test_the_kernels_log_is_for_those_who_have_disks(has_disks):
    devices = engine.host_options("1", has_kvm=False, has_disks=has_disks)["devices"]
    assert (engine.KERNEL_LOG in devices) is has_disks


def test_addresses_are_whole_ones():
    text = """1: lo    inet 127.0.0.1/8 scope host lo\\       valid_lft forever
2: eth0    inet 172.29.80.11/24 brd 172.29.80.255 scope global eth0\\       valid_lft forever
2: eth0    inet 172.29.80.100/32 scope global eth0\\       valid_lft forever
2: eth0    inet6 fe80::42/64 scope link \\       valid_lft forever
"""
    assert summary.addresses(text) == {"127.0.0.1", "172.29.80.11", "172.29.80.100"}
