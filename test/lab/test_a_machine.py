"""
Machines while a host loses its power: another one is made while a controller is away, and what a
compute node had runs again when it is back. Its lab has compute nodes.
"""

import pytest

from bench import failover


@pytest.fixture(scope="module")
def machines(cloud, hosts):
    """A machine on each compute node."""
    made = [cloud.boot(host, 1) for host in hosts]
    for machine in made:
        cloud.wait_born(machine)
    return made


def test_another_one_is_made_while_a_controller_is_away(
    lab, nodes, cloud, hosts, machines, chance, mended
):
    holder = failover.vip_holder(lab)
    before = [machine.said() for machine in machines]
    lab.node(chance.choice([node for node in nodes if node != holder])).kill()
    cloud.wait_born(cloud.boot(chance.choice(hosts), 2))
    for machine, heard in zip(machines, before, strict=True):
        assert machine.wait_lived(heard)["metadata"] == machine.born["instance-id"]


def test_it_runs_again_when_its_node_is_back(lab, cloud, machines, chance, mended):
    lost, other = chance.sample(machines, 2)
    before, heard = lost.born, other.said()
    lab.node(lost.node).kill()
    other.wait_lived(heard)
    lab.node(lost.node).boot()
    lost.wait_again()
    lost.wait_active(cloud.hostnames[lost.node])
    assert lost.born["address"] == before["address"]
    assert list(cloud.running(lab.node(lost.node))).count(lost.id) == 1
    assert lost.id not in cloud.running(lab.node(other.node))
