"""Nova's module: what a database's rows mean, what a silent one does not, and what a step runs."""

from decimal import Decimal

import openstack_ha_nova_cells as cells
import openstack_ha_nova_rule as rule
import openstack_ha_rule
import pytest
from runners import Clock, functions, load, utils
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


SYSTEMS = {
    "ctl1": ["nova.api", "nova.conductor", "nova.scheduler"],
    "cmp1": ["nova_network", "nova.compute"],
}
UNITS = {
    "ctl1": ["nova-conductor", "nova-scheduler"],
    "cmp1": ["nova-compute", "nova-network"],
}
SHOW = ["systemctl", "show", "--property=Id,ActiveState,ActiveEnterTimestampMonotonic"]


def shown(unit, started, state="active"):
    return f"Id={unit}.service\nActiveState={state}\nActiveEnterTimestampMonotonic={started}\n"


def made(node, tmp_path, tables):
    """The module on a node whose database has these rows by table, None where it is silent."""
    own_utils = {
        **utils(),
        "openstack_ha_cluster.systems": lambda view, minion_id: SYSTEMS[minion_id],
    }
    module, status = (
        load("_modules", name, __opts__={"id": node}, __utils__=own_utils)
        for name in ("openstack_ha_nova", "openstack_ha_nova_status")
    )
    module.time = Clock(100.0).module()
    module.MAPPED = tmp_path / "lib" / "nova-mapped"
    module.ran, module.asked, module.called, module.status = [], [], [], status
    module.is_ready, module.fails = True, None
    # Of a unit what systemd shows, and after a restart.
    module.shown = {unit: shown(unit, 90_000_000) for unit in UNITS[node]}
    module.anew = {}

    def rows(statement):
        module.asked.append(statement)
        (table,) = (one for one in tables if f" {one} " in f"{statement} ")
        return tables[table]

    def run(argv, **options):
        assert options["python_shell"] is False
        module.called.append(argv)
        if argv[1] == module.fails:
            return {"retcode": 1, "stdout": "", "stderr": "it failed\n"}
        if argv[1] == "restart":
            module.shown.update(module.anew)
            return {"retcode": 0, "stdout": "", "stderr": ""}
        assert argv == [*SHOW, *UNITS[node]]
        return {"retcode": 0, "stdout": "\n".join(module.shown.values()), "stderr": ""}

    module.__salt__ = status.__salt__ = {
        "openstack_ha.view": lambda: {**VIEW, "self": VIEW["nodes"][node]},
        "openstack_ha_db_sync.is_ready": lambda service: module.is_ready,
        "openstack_ha_db_sync.rows": rows,
        "openstack_ha_db_sync.pending": lambda service: "nothing",
        "openstack_ha_db_sync.manage": lambda *arguments: module.ran.append(arguments),
        "cmd.run_all": run,
        **functions("openstack_ha_nova_status", status),
    }
    return module


def tables(**more):
    return {
        "nova_api.cell_mappings": [OURS],
        "nova_api.host_mappings": [["cmp1-host"]],
        "nova.instances": [["cmp1-host", 3, Decimal(2)]],
        "nova.compute_nodes": [["cmp1-host", "cmp1.example", 1], ["cmp2-host", "cmp2", 0]],
        "nova.services": [[7, "nova-conductor", "ctl1", 0, None, 0, 3]],
        **{key.replace("__", "."): value for key, value in more.items()},
    }


@pytest.fixture
def controller(tmp_path):
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
        "services": [
            {"binary": "nova-conductor", "host": "ctl1", "is_forced_down": False, "silent_for": 3}
        ],
        "units": {unit: {"started": 90_000_000, "active_for": 10} for unit in UNITS["ctl1"]},
        "compute": None,
    }


def test_a_controller_that_is_not_configured_is_not_asked_for_more(controller):
    controller.is_ready, controller.shown = False, {}
    unknown = dict.fromkeys(("pending", "cells", "hosts", "services", "compute"))
    found = controller.evidence()
    assert found == {"is_ready": False, "units": {}, **unknown}
    assert openstack_ha_rule.fits(found, rule.SHAPE)
    assert controller.asked == []


def test_a_look_asks_systemd_once(controller, compute):
    for module in (controller, compute):
        module.evidence()
        assert len(module.called) == 1


def test_units_that_cannot_be_asked_are_not_inactive(controller):
    controller.fails = "show"
    with pytest.raises(CommandExecutionError, match="on ctl1 ended with 1: it failed"):
        controller.evidence()


def test_a_service_that_hangs_is_restarted(controller):
    controller.anew = {"nova-conductor": shown("nova-conductor", 99_000_000)}
    after = controller.restart("nova-conductor", 90_000_000)["units"]
    assert controller.called[1] == ["systemctl", "restart", "nova-conductor"]
    assert after["nova-conductor"] == {"started": 99_000_000, "active_for": 1}


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (shown("nova-conductor", 90_000_000, "inactive"), "ctl1 is not active"),
        (shown("nova-conductor", 99_000_000), "ctl1 has been started anew"),
    ],
)
def test_a_service_that_is_another_than_the_master_saw_is_not_restarted(controller, said, why):
    controller.shown["nova-conductor"] = said
    with pytest.raises(CommandExecutionError, match=f"{why}, and is not restarted"):
        controller.restart("nova-conductor", 90_000_000)
    assert [argv[1] for argv in controller.called] == ["show"]


@pytest.mark.parametrize("unit", ["mariadb", "nova-compute"])
def test_only_own_services_that_report_are_restarted(controller, unit):
    with pytest.raises(CommandExecutionError, match=f"{unit} on ctl1 is not active"):
        controller.restart(unit, 90_000_000)


def test_a_service_that_does_not_start_again_is_told(controller):
    controller.fails = "restart"
    with pytest.raises(CommandExecutionError, match="`systemctl restart nova-conductor` on ctl1"):
        controller.restart("nova-conductor", 90_000_000)


def test_a_silent_database_is_unknown_and_an_empty_one_is_known(tmp_path, controller):
    silent = made("ctl1", tmp_path, dict.fromkeys(tables()))
    found = silent.evidence()
    assert (found["cells"], found["hosts"], found["services"]) == (None, None, None)
    assert silent.status.services() is None
    with pytest.raises(CommandExecutionError, match="the database of ctl1 does not answer"):
        silent.status.status()
    empty = made("ctl1", tmp_path, dict.fromkeys(tables(), []))
    found = empty.evidence()
    assert (found["cells"], found["hosts"], found["services"]) == ([], [], [])
    assert empty.status.status() == {"hypervisors": {}, "services": [], "unmapped": []}


def test_hosts_are_unknown_where_their_mappings_are(tmp_path, controller):
    assert made("ctl1", tmp_path, tables(nova_api__host_mappings=None)).status.hypervisors() is None


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
    assert compute.status.status() is None
    assert compute.asked == [], "it has no database"
    compute.shown["nova-compute"] = shown("nova-compute", 90_000_000, "activating")
    assert told() == {"is_running": False, "is_mapped": False}


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
    (found,) = module.status.services()
    assert found["is_up"] is is_up
    assert len(module.asked) == 1
    assert module.status.status()["services"] == ([] if is_up else [found])


def test_a_disabled_service_is_told_with_its_reason(tmp_path):
    rows = [service(disabled=1, reason="disk"), service()]
    module = made("ctl1", tmp_path, tables(nova__services=rows))
    assert module.status.status() == {
        "hypervisors": {
            "cmp1-host": {"is_up": True, "machines": 3, "running": 2},
            "cmp2-host": {"is_up": False, "machines": 0, "running": 0},
        },
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


@pytest.mark.parametrize("table", ["nova__instances", "nova__services", "nova__compute_nodes"])
def test_a_status_of_a_silent_database_is_not_one_of_an_empty_one(tmp_path, table):
    with pytest.raises(CommandExecutionError, match="the database of ctl1 does not answer"):
        made("ctl1", tmp_path, tables(**{table: None})).status.status()


def test_a_host_is_up_by_the_word_of_its_nova_compute(tmp_path):
    other = [8, "nova-network", "cmp1-host", 0, None, 0, 3]
    module = made("ctl1", tmp_path, tables(nova__services=[other, service(seconds=61)]))
    assert module.status.status()["hypervisors"]["cmp1-host"]["is_up"] is False
