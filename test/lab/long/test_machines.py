"""
Virtual machines by nova-network, through the VIP alone: each node is DHCP server, metadata server
and gateway of its own ones; floating addresses, security groups, consoles, live migration; and a
compute node that loses its power.

Two machines run on each compute node. The second of each pings all first ones and asks a server
outside who it is, all the time; what they say stands on their consoles.
"""

import contextlib

import pytest
from machines.cloud import pings

from lab.waiting import PATIENCE, wait_for, wait_while

BRIDGE = "br100"
POOL = "public"
METADATA = "nova-api-metadata"


@pytest.fixture(scope="module")
def outside(cloud):
    """The URL of a server outside that tells who asks."""
    yield cloud.start_echo()
    cloud.stop_echo()


@pytest.fixture(scope="module")
def first(cloud, hosts):
    """A machine on each compute node."""
    return _boot(cloud, hosts, 1, [])


@pytest.fixture(scope="module")
def second(cloud, hosts, first, outside):
    """Another machine on each, which asks for the first ones and for the world outside."""
    orders = [f"ping {one.address}" for one in first.values()]
    orders += [f"ping {cloud.client.address}", f"get {outside}"]
    return _boot(cloud, hosts, 2, orders)


def _boot(cloud, hosts, number, orders):
    made = {host: cloud.boot(host, number, orders) for host in hosts}
    for machine in made.values():
        cloud.wait_born(machine)
    return made


@pytest.fixture
def machines(first, second):
    return [*first.values(), *second.values()]


@pytest.fixture
def allowed(cloud):
    """Return a context in which a protocol's port is open to everybody."""

    @contextlib.contextmanager
    def opened(protocol, port):
        rule = cloud.ask("allow", protocol, port)
        try:
            yield
        finally:
            cloud.ask("forbid", rule)

    return opened


@pytest.fixture
def floating(cloud, allowed):
    """Return a context in which a machine has a floating address that answers pings."""

    @contextlib.contextmanager
    def attached(machine):
        with allowed("icmp", -1):
            made = cloud.ask("attach", machine.id, POOL)
            address = made["address"]
            try:
                wait_for(lambda: cloud.is_answered(address), PATIENCE, f"{address} to answer")
                yield address
            finally:
                cloud.ask("detach", machine.id, address, made["id"])
            wait_while(lambda: cloud.is_answered(address), PATIENCE, f"{address} to be nobody's")

    return attached


def test_each_has_its_address_from_its_own_node(lab, machines):
    for machine in machines:
        argv = ["ip", "-o", "-4", "address", "show", "dev", BRIDGE]
        gateway = lab.node(machine.node).check(argv).split()[3].partition("/")[0]
        assert machine.born["dhcp-server"] == machine.born["router"] == gateway, machine.name
        assert machine.show()["addresses"]["fixed"] == machine.address
    assert len({machine.address for machine in machines}) == len(machines)


def test_each_is_told_who_it_is(cloud, first, second, machines, outside):
    for machine in machines:
        assert machine.born["hostname"].partition(".")[0] == machine.name
        assert machine.born["local-ipv4"] == machine.address
        assert machine.born["availability-zone"] == "nova"
        assert machine.born["public-key"].split()[:2] == cloud.made["key"].split()[:2]
    assert len({machine.born["instance-id"] for machine in machines}) == len(machines)
    assert [one.born["user-data"] for one in first.values()] == [[]] * len(first)
    for machine in second.values():
        assert machine.born["user-data"][-1] == f"get {outside}"


def test_metadata_comes_from_the_own_node(lab, hosts, first, unseen):
    for lost in hosts:
        others = [first[host] for host in hosts if host != lost]
        before = {one.name: one.said() for one in others}
        with unseen():
            lab.node(lost).check(["systemctl", "stop", METADATA])
            try:
                first[lost].wait_said(lambda words: words.get("metadata") == "none", "none answers")
                for one in others:
                    after = one.wait_lived(before[one.name])
                    assert after["metadata"] == one.born["instance-id"]
            finally:
                lab.node(lost).check(["systemctl", "start", METADATA])
        own = first[lost].born["instance-id"]
        first[lost].wait_said(
            lambda words, own=own: words.get("metadata") == own, "it has metadata again"
        )


def test_machines_reach_one_another_on_every_node(first, second):
    for machine in second.values():
        for other in first.values():

            def is_answered(words, address=other.address):
                return pings(words, address)[0] > 0

            machine.wait_said(is_answered, f"{other.name} answers")


def test_each_reaches_the_outside_through_its_own_node(lab, cloud, second, outside):
    for machine in second.values():
        own = lab.node(machine.node).address

        def is_seen(words, own=own):
            return words.get(f"get {outside}") == own and pings(words, cloud.client.address)[0] > 0

        machine.wait_said(is_seen, f"it is seen outside as {own}")


def test_a_floating_address_answers_as_long_as_it_is_attached(first, floating):
    for machine in first.values():
        with floating(machine) as address:
            assert machine.show()["addresses"]["floating"] == address


def test_a_security_group_opens_and_closes(cloud, hosts, first, floating, allowed):
    machine = first[hosts[0]]
    with floating(machine) as address:
        url = f"http://{address}/"
        assert cloud.fetch(url) is None
        with allowed("tcp", 80):
            answer = wait_for(lambda: cloud.fetch(url), PATIENCE, f"an answer from {url}")
            assert answer == machine.born["hostname"]
        wait_while(lambda: cloud.fetch(url), PATIENCE, f"nothing from {url}")
        assert cloud.is_answered(address)


def test_a_screen_is_shown_to_whoever_has_its_token(cloud, first):
    for machine in first.values():
        url = cloud.ask("viewer", machine.id)
        assert "noVNC" in (cloud.fetch(url) or "")
        assert cloud.ask("watch", url, "wrong-" + machine.id) == ""
        assert cloud.ask("watch", url).startswith("RFB ")


def test_a_machine_moves_while_it_runs(cloud, hosts, first, second):
    machine, watcher = first[hosts[0]], second[hosts[1]]
    for there in (hosts[1], hosts[0]):
        before, seen = machine.said(), watcher.said()
        cloud.ask("migrate", machine.id, cloud.hostnames[there])
        machine.wait_active(cloud.hostnames[there])
        after = machine.wait_lived(before)
        # The console begins anew there; a machine that had booted again would say so.
        assert after.get("booted") in (None, before.get("booted"))
        goal = pings(seen, machine.address)[0] + 3

        def is_answered(words, goal=goal):
            return pings(words, machine.address)[0] >= goal

        watcher.wait_said(is_answered, f"{machine.name} answers from {there}")


def test_the_loss_of_a_node_is_noticed_by_its_own_machines_only(
    lab, cloud, hosts, first, second, outside, mended, chance
):
    lost, kept = chance.sample(hosts, 2)
    near, far, watcher = first[kept], first[lost], second[kept]

    def has_gone_on(words, since):
        assert words["metadata"] == watcher.born["instance-id"]
        assert words[f"get {outside}"] == lab.node(kept).address
        for address in (near.address, cloud.client.address):
            answered, failed = pings(words, address)
            assert answered > pings(since, address)[0]
            assert failed == pings(since, address)[1]

    before = watcher.said()
    lab.node(lost).kill()
    while_down = watcher.wait_lived(before, times=20)
    has_gone_on(while_down, before)
    assert pings(while_down, far.address)[1] > pings(before, far.address)[1]

    lab.node(lost).boot()
    for machine in (first[lost], second[lost]):
        booted = machine.born["booted"]
        again = machine.wait_said(
            lambda words, booted=booted: words.get("booted", booted) != booted and "alive" in words,
            "it runs again",
        )
        machine.wait_active(cloud.hostnames[lost])
        for fact in ("address", "router", "dhcp-server", "instance-id", "metadata"):
            assert again[fact] == machine.born[fact], fact
    goal = pings(while_down, far.address)[0] + 3
    is_back = watcher.wait_said(
        lambda words: pings(words, far.address)[0] >= goal, f"{far.name} answers again"
    )
    has_gone_on(is_back, while_down)
