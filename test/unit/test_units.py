"""Which units should run on a node, and which do."""

import openstack_ha_cluster
import openstack_ha_systems
import openstack_ha_units as units
import pytest
import yaml
from runners import load, utils
from salt.exceptions import CommandExecutionError
from support import ROOT, example

PARAMETERS = (ROOT / "openstack_ha/parameters/Debian-12.yaml").read_text(encoding="utf-8")
# Objects and rings are no servers.
WITHOUT = {"keystone.identity", "swift.rings"}


def view_of(minion_id):
    view = openstack_ha_cluster.view(openstack_ha_cluster.complete(example()), minion_id)
    return {**view, "self": {**view["nodes"][minion_id], "id": minion_id}}


def found(minion_id):
    return units.by_part(yaml.safe_load(PARAMETERS), view_of(minion_id))


def test_every_part_of_every_system_has_its_units():
    parts = set().union(*(found(one) for one in ("ctl1", "cmp1", "sto1")))
    assert parts == set(openstack_ha_systems.parts()) - WITHOUT


@pytest.mark.parametrize("part", openstack_ha_systems.turns())
def test_what_has_turns_is_among_them(part):
    whole = [found(one).get(part, []) for one in ("ctl1", "cmp1", "sto1")]
    unit = openstack_ha_systems.turns()[part].get("unit")
    assert all(unit is None or unit in one for one in whole if one) and any(whole)


def test_a_storage_nodes_servers_and_timer_are_named():
    own = found("sto1")["swift.storage"]
    assert {
        "swift-object.service",
        "swift-account-replicator.service",
        "rsync.service",
        "openstack-ha-swift-drive-audit.timer",
    } <= set(own)
    assert "swift-object-reconstructor.service" not in own
    assert "openstack-ha-health-galera.socket" in found("ctl1")["health"]
    assert "nova-migration-sshd.socket" in found("cmp1")["nova.compute"]


SHOWN = """\
Id=keepalived.service
LoadState=loaded
ActiveState=failed

Id=memcached.service
LoadState=not-found
ActiveState=inactive
"""


def test_a_unit_that_is_not_there_is_missing():
    names = ["keepalived.service", "memcached.service"]
    told = units.states(SHOWN, names)
    assert told == {"keepalived.service": "failed", "memcached.service": "missing"}
    with pytest.raises(ValueError, match="told of 2 units, and was asked for 1"):
        units.states(SHOWN, names[:1])


CHANGED = """\
ActiveState=active
StateChangeTimestampMonotonic=7500000

ActiveState=failed
StateChangeTimestampMonotonic=9000000

ActiveState=reloading
StateChangeTimestampMonotonic=9500000
"""


def test_who_runs_tells_for_how_long_it_has_not_been_renewed():
    names = ["swift-object.service", "rsync.service", "swift-account.service"]
    told = units.unchanged_for(CHANGED, names, 10)
    assert told == {"swift-object.service": 2.5, "swift-account.service": 0.5}
    with pytest.raises(ValueError, match="told of 3 units, and was asked for 1"):
        units.unchanged_for(CHANGED, names[:1], 10)


@pytest.fixture
def node():
    module = load("_modules", "openstack_ha_units", __utils__=utils())
    module.__opts__, module.__grains__ = {"saltenv": None}, {"osfinger": "Debian-12"}

    def show(argv, python_shell):
        assert argv[:2] == ["systemctl", "show"]
        blocks = (f"Id={unit}\nLoadState=loaded\nActiveState=active\n" for unit in argv[3:])
        return {"retcode": 0, "stdout": "\n".join(blocks), "stderr": ""}

    module.__salt__ = {
        "cp.get_file_str": lambda source, saltenv: PARAMETERS,
        "openstack_ha.view": lambda: view_of("sto1"),
        "cmd.run_all": show,
    }
    return module


def test_a_node_tells_the_state_of_each(node):
    told = node.states()
    assert set(told) >= {"swift.storage"}
    assert {state for one in told.values() for state in one.values()} == {"active"}


def test_names_that_the_master_does_not_serve_are_an_error(node):
    node.__salt__["cp.get_file_str"] = lambda source, saltenv: False
    with pytest.raises(CommandExecutionError, match="parameters/Debian-12.yaml: `salt-run"):
        node.states()
