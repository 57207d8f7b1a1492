"""A compute node's interface for bridges: what is in its way is told, and never changed."""

import subprocess

import pytest
from saltfactories.utils.functional import Loaders
from support import (
    cluster_on,
    formula_root,
    host_address,
    minion_options,
    pillar_root,
    with_machines,
)

LINK, PEER, BRIDGE = "machines0", "machines1", "br100"
ADDRESS, GATEWAY = "198.51.100.5/24", "198.51.100.1"


def ip(*words):
    subprocess.run(["ip", *words], check=True)


@pytest.fixture(scope="module")
def states(tmp_path_factory):
    """This host as a compute node."""
    own = host_address()
    cluster = cluster_on(own, "ctl1")
    cluster["nodes"]["ctl1"]["address"] = str(own.network[-3])
    cluster = with_machines({"cmp1": str(own.ip)}, cluster)
    root = tmp_path_factory.mktemp("minion")
    formula, pillar = formula_root(root / "formula"), pillar_root(root / "pillar", cluster)
    return Loaders(minion_options(root, "cmp1", formula, pillar)).states


@pytest.fixture
def link():
    """A link that is up, and has nothing."""
    ip("link", "add", LINK, "type", "veth", "peer", "name", PEER)
    ip("link", "set", PEER, "up")
    ip("link", "set", LINK, "up")
    yield LINK
    ip("link", "del", LINK)


@pytest.fixture
def bridge():
    ip("link", "add", BRIDGE, "type", "bridge")
    yield BRIDGE
    ip("link", "del", BRIDGE)


def told(states, name):
    """What the state says, the same in both modes; it changes nothing."""
    found = [
        states.openstack_ha_nova_network.interface_free(name=name, test=test)
        for test in (True, False)
    ]
    assert [one.changes for one in found] == [{}, {}]
    (told,) = {(one.result, one.comment) for one in found}
    return told


def test_an_interface_is_free_before_and_after_it_has_joined(states, link, bridge):
    assert told(states, link) == (True, f"{link} is free for bridges.")
    ip("link", "set", link, "master", bridge)
    assert told(states, link)[0] is True


def test_each_thing_in_the_way_is_named_and_goes_by_the_command_that_is_told(states, link):
    ip("address", "add", ADDRESS, "dev", link)
    # Beside the host's own one.
    ip("route", "add", "default", "via", GATEWAY, "dev", link, "metric", "4000")
    result, comment = told(states, link)
    assert result is False
    commands = [line.split("`")[1] for line in comment.splitlines()]
    assert commands == [
        f"ip address del {ADDRESS} dev {link}",
        f"ip route del default via {GATEWAY} dev {link}",
    ]
    for command in reversed(commands):
        subprocess.run(command.split(), check=True)
    assert told(states, link)[0] is True
    ip("link", "set", link, "down")
    assert f"{link} of cmp1 is down" in told(states, link)[1]


def test_an_interface_that_is_not_there_is_named(states):
    result, comment = told(states, LINK)
    assert result is False
    assert f"cmp1 has no interface {LINK}; it has " in comment
