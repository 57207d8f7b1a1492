"""
A highstate while one controller is down works on the rest, and the node gets its share when it is
back.
"""

import pytest
from swift import site

from lab import highstate
from lab.waiting import wait_for

PATIENCE = 300
CONFIG = "/etc/glance/openstack_ha/glance-api.conf"
OPTION = {"api_limit_max": 500}


@pytest.fixture
def controller(lab, chance):
    """The controller that is to be down; whatever happens, it has power in the end."""
    node = chance.choice([one for one in lab.nodes.values() if "controller" in one.roles])
    yield node
    node.boot()


def _has_it(node):
    return "api_limit_max = 500" in node.read(CONFIG)


def test_a_highstate_works_on_the_rest_and_completes_when_the_node_is_back(lab, controller):
    content = site.source()
    content["openstack_ha"]["glance"] = {"options": {"DEFAULT": OPTION}}
    site.give(lab, content)
    controller.kill()
    rest = [name for name in lab.nodes if name != controller.id]
    returns = lab.highstate(target=",".join(rest))
    assert highstate.failures(returns, rest) == {}
    assert all(_has_it(lab.node(name)) for name in rest if "controller" in lab.node(name).roles)
    again = lab.highstate(target=",".join(rest))
    assert highstate.failures(again, rest) == {}
    assert highstate.changes(again) == {}

    controller.boot()
    controller.wait_booted()

    def is_back():
        found = lab.master.salt(controller.id, "openstack_ha_rejoin.status", patience=10).get(
            controller.id
        )
        return isinstance(found, dict) and found["has_rejoined"]

    wait_for(is_back, PATIENCE, f"{controller.id} to come back")
    assert _has_it(controller)
    returns = lab.highstate()
    assert highstate.failures(returns, lab.nodes) == {}
    assert highstate.changes(returns) == {}
