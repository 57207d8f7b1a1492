"""Nova's module: what a database's rows mean, what a silent one does not, and what a step runs."""

import openstack_ha_nova_cells as cells
import openstack_ha_nova_rule as rule
import openstack_ha_rule
import pytest
from runners import load, utils
from salt.exceptions import CommandExecutionError

PASSWORD = "the-brokers-password"
VIEW = {
    "rabbitmq": {"access": "vip"},
    "controllers": [{"id": "ctl1"}],
    "nodes": {
        "ctl1": {"roles": ["controller"], "hostname": "ctl1", "address": "172.29.80.11"},
        "cmp1": {"roles": ["compute"], "hostname": "cmp1-host", "address": "172.29.80.21"},
    },
    "network": {"provider": "nova_network"},
}
OURS = ["c1", "cell1", cells.cell_database(), cells.transport(VIEW)]
LITERAL = ["c2", None, "mysql://x", f"rabbit://nova:{PASSWORD}@172.29.80.11/"]


def made(node, tmp_path, tables):
    """The module on a node whose database has these rows by table, None where it is silent."""
    facts = {
        "command": str(tmp_path / "nova-manage"),
        "config": [str(tmp_path / "nova.conf"), str(tmp_path / "local.conf")],
    }
    module = load("_modules", "openstack_ha_nova", __opts__={"id": node})
    module.__utils__ = {
        **utils(),
        "openstack_ha_cluster.systems": lambda view, minion_id: (
            ["nova.api"] if minion_id == "ctl1" else ["nova.compute"]
        ),
        "openstack_ha_db_sync.facts": lambda service: facts,
    }
    module.MAPPED = tmp_path / "lib" / "nova-mapped"
    module.ran, module.asked = [], []

    def rows(statement):
        module.asked.append(statement)
        (table,) = (one for one in tables if f" {one} " in f"{statement} ")
        return tables[table]

    module.__salt__ = {
        "openstack_ha.view": lambda: {**VIEW, "self": VIEW["nodes"][node]},
        "openstack_ha_db_sync.rows": rows,
        "openstack_ha_db_sync.pending": lambda service: "nothing",
        "openstack_ha_db_sync.manage": lambda *arguments: module.ran.append(arguments),
        "service.status": lambda unit: unit == "nova-compute",
    }
    return module


def tables(**more):
    return {
        "nova_api.cell_mappings": [OURS],
        "nova_api.host_mappings": [["cmp1-host"]],
        "nova.compute_nodes": [["cmp1-host", "cmp1.example", 1], ["cmp2-host", "cmp2", 0]],
        "nova.services": [],
        **{key.replace("__", "."): value for key, value in more.items()},
    }


@pytest.fixture
def controller(tmp_path):
    for name in ("nova-manage", "nova.conf", "local.conf"):
        (tmp_path / name).touch(mode=0o755)
    return made("ctl1", tmp_path, tables())


@pytest.fixture
def compute(tmp_path):
    return made("cmp1", tmp_path, {})


def test_a_controller_tells_of_its_database(controller):
    found = controller.evidence()
    assert openstack_ha_rule.fits(found, rule.SHAPE)
    assert found == {
        "is_ready": True,
        "pending": "nothing",
        "cells": [{"uuid": "c1", "name": "cell1", "is_current": True}],
        "hosts": [
            {"host": "cmp1-host", "is_mapped": True, "is_marked": True},
            {"host": "cmp2-host", "is_mapped": False, "is_marked": False},
        ],
        "compute": None,
    }


@pytest.mark.parametrize("name", ["nova-manage", "nova.conf", "local.conf"])
def test_a_controller_that_is_not_configured_is_not_asked_for_more(controller, tmp_path, name):
    (tmp_path / name).unlink()
    found = controller.evidence()
    assert found == {"is_ready": False, **dict.fromkeys(("pending", "cells", "hosts", "compute"))}
    assert openstack_ha_rule.fits(found, rule.SHAPE)
    assert controller.asked == []


def test_a_silent_database_is_unknown_and_an_empty_one_is_known(tmp_path, controller):
    silent = made("ctl1", tmp_path, dict.fromkeys(tables()))
    found = silent.evidence()
    assert (found["cells"], found["hosts"]) == (None, None)
    assert silent.services() is None
    with pytest.raises(CommandExecutionError, match="the database of ctl1 does not answer"):
        silent.status()
    empty = made("ctl1", tmp_path, dict.fromkeys(tables(), []))
    found = empty.evidence()
    assert (found["cells"], found["hosts"]) == ([], [])
    assert empty.status() == {"services": [], "unmapped": []}


def test_hosts_are_unknown_where_their_mappings_are(tmp_path, controller):
    assert made("ctl1", tmp_path, tables(nova_api__host_mappings=None)).hypervisors() is None


def test_what_the_database_has_for_a_cell_is_not_told(tmp_path, controller):
    module = made("ctl1", tmp_path, tables(nova_api__cell_mappings=[LITERAL]))
    assert module.cells() == [{"uuid": "c2", "name": None, "is_current": False}]
    assert PASSWORD not in repr((module.evidence(), module.lacks_cell()))


CELLS = {
    "ours": ([OURS], None),
    "ours beside another": ([LITERAL, OURS], None),
    "none": ([], "there is no cell"),
    "nobody knows": (None, "the database does not answer"),
    "another": ([LITERAL], "the cell has another name, database or brokers"),
    "others": ([LITERAL, LITERAL], "none of the cells is the formula's"),
    "another name": (
        [[*OURS[:1], "x", *OURS[2:]]],
        "the cell has another name, database or brokers",
    ),
}


@pytest.mark.parametrize(("found", "lacks"), CELLS.values(), ids=CELLS)
def test_what_a_controller_waits_for(tmp_path, found, lacks):
    module = made("ctl1", tmp_path, tables(nova_api__cell_mappings=found))
    assert module.lacks_cell() == lacks


def test_a_steps_command_has_templates_and_no_secret(controller):
    controller.create_cell()
    controller.update_cell("c1")
    controller.discover_hosts()
    controller.discover_hosts(by_service=True)
    cell = ["--name", "cell1", "--database_connection", OURS[2], "--transport-url", OURS[3]]
    assert [(service, arguments) for service, arguments, _timeout in controller.ran] == [
        ("nova", ["cell_v2", "create_cell", *cell]),
        ("nova", ["cell_v2", "update_cell", "--cell_uuid", "c1", *cell]),
        ("nova", ["cell_v2", "discover_hosts"]),
        ("nova", ["cell_v2", "discover_hosts", "--by-service"]),
    ]


def test_a_compute_node_keeps_what_it_is_told(compute):
    def told():
        found = compute.evidence()
        assert openstack_ha_rule.fits(found, rule.SHAPE)
        assert found["is_ready"] is False
        return found["compute"]

    assert told() == {"is_running": True, "is_mapped": False}
    compute.confirm(is_mapped=True)
    assert told() == {"is_running": True, "is_mapped": True}
    compute.confirm(is_mapped=False)
    compute.confirm(is_mapped=False)
    assert told() == {"is_running": True, "is_mapped": False}
    assert compute.status() is None
    assert compute.asked == [], "it has no database"


def test_a_node_with_another_name_was_not_told(compute, monkeypatch):
    compute.confirm(is_mapped=True)
    monkeypatch.setitem(VIEW["nodes"]["cmp1"], "hostname", "renamed")
    assert compute.is_mapped() is False


def service(**more):
    row = {"disabled": 0, "reason": None, "forced_down": 0, "seconds": 3, **more}
    return [7, "nova-compute", "cmp1-host", *row.values()]


SERVICES = {
    "reports": ({}, True),
    "reports in time": ({"seconds": 60}, True),
    "is late": ({"seconds": 61}, False),
    "has reported from the future": ({"seconds": -61}, False),
    "is forced down": ({"forced_down": 1}, False),
}


@pytest.mark.parametrize(("more", "is_up"), SERVICES.values(), ids=SERVICES)
def test_a_service_is_up_as_nova_counts(tmp_path, more, is_up):
    module = made("ctl1", tmp_path, tables(nova__services=[service(**more)]))
    (found,) = module.services()
    assert found["is_up"] is is_up
    assert len(module.asked) == 1
    assert module.status()["services"] == ([] if is_up else [found])


def test_a_disabled_service_is_told_with_its_reason(tmp_path):
    rows = [service(disabled=1, reason="disk"), service()]
    module = made("ctl1", tmp_path, tables(nova__services=rows))
    assert module.status() == {
        "services": [
            {
                "id": 7,
                "binary": "nova-compute",
                "host": "cmp1-host",
                "is_up": True,
                "is_forced_down": False,
                "is_disabled": True,
                "reason": "disk",
                "silent_for": 3,
            }
        ],
        "unmapped": ["cmp2-host"],
    }
