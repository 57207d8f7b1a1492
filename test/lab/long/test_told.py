"""
What `openstack_ha.status` tells of a unit, a minion and a node that is gone, and that the command
which it names mends it: `make told`.
"""

import re
import time

import pytest

from bench import failover
from lab.waiting import wait_for

pytestmark = pytest.mark.usefixtures("mended")

COMMAND = re.compile(r"`(salt [^`]+)`")
# The master has them back before anybody can read of it.
REVIVED = {"mariadb.service", "rabbitmq-server.service"}
BOUND = 300


def named(lab, words):
    """The faults that status tells, when each of the words stands in one of them with a command."""
    faults = lab.master.run("openstack_ha.status", lab.inventory["cluster"])["faults"]
    told = [fault for fault in faults if "`" in fault]
    is_whole = all(any(word in fault for fault in told) for word in words)
    return told if is_whole else None


def told_of(lab, what, words):
    begin = time.monotonic()
    faults = wait_for(lambda: named(lab, words), BOUND, f"status to name {', '.join(words)}")
    print(f"\n{what}: {len(words)} named after {time.monotonic() - begin:.0f} s")
    return faults


def standby(lab):
    return next(one for one in lab.with_role("controller") if one != failover.vip_holder(lab))


@pytest.mark.parametrize("role", ["controller", "storage", "compute"])
def test_every_unit_that_is_stopped_is_named_and_its_command_starts_it(lab, role):
    node = standby(lab) if role == "controller" else lab.with_role(role)[-1]
    found = lab.master.salt(node, "openstack_ha_units.states")[node]
    units = [unit for part in found.values() for unit in part if unit not in REVIVED]
    assert set(found) and len(units) > 1, found
    lab.node(node).check(["systemctl", "stop", *units])
    words = [f"{part} of {node} lacks " for part, own in found.items() if set(own) - REVIVED]
    faults = told_of(lab, f"units of {node}", words)
    lines = [fault for fault in faults if f" of {node} lacks " in fault]
    for unit in units:
        assert any(unit.removesuffix(".service") in line for line in lines), (unit, lines)
    for command in (COMMAND.search(line)[1] for line in lines):
        lab.master.host.check(["sh", "-c", command])


def test_a_minion_that_is_stopped_is_named_beside_its_node_that_serves(lab):
    node = lab.with_role("storage")[-1]
    lab.node(node).check(["systemctl", "stop", "salt-minion"])
    told_of(lab, f"minion of {node}", [f"{node} did not answer"])
    lab.node(node).check(["systemctl", "start", "salt-minion"])


def test_a_node_without_power_is_named(lab):
    node = lab.with_role("storage")[0]
    lab.node(node).kill()
    told_of(lab, node, [f"{node} did not answer"])
    lab.node(node).boot()
