"""Nova's cell: when it is made, who is looked for and told, and what is a person's."""

import openstack_ha_nova_rule as rule
import pytest

IDS = ("ctl1", "ctl2", "ctl3", "cmp1", "cmp2")
CLUSTER = {
    "name": "demo",
    "nodes": {
        one: {
            "hostname": f"{one}-host",
            "roles": ["controller" if one.startswith("ctl") else "compute"],
        }
        for one in IDS
    },
}
CELL = {"uuid": "c1", "name": "cell1", "is_current": True}
OTHER = {"uuid": "c2", "name": None, "is_current": False}
UNKNOWN = dict.fromkeys(("pending", "cells", "hosts", "services"))
LESS = {"is_ready": True}
ERROR = {"error": "no systemd"}


def service(host, binary="nova-conductor", silent_for=61):
    return {"binary": binary, "host": host, "is_forced_down": False, "silent_for": silent_for}


GONE = [
    service("old-host"),
    service("old-host", "nova-scheduler", silent_for=3600),
    service("ctl1-host"),
    service("other-host", silent_for=60),
    service("third-host", "nova-compute"),
]


def host(node, is_mapped=True, is_marked=True):
    return {"host": f"{node}-host", "is_mapped": is_mapped, "is_marked": is_marked}


def controller(**more):
    found = {"is_ready": True, "pending": "nothing", "cells": [CELL], "services": [], "units": {}}
    return {**found, "hosts": [host("cmp1"), host("cmp2")], "compute": None, **more}


def compute(is_mapped=True, is_running=True):
    own = {"is_running": is_running, "is_mapped": is_mapped}
    return {"is_ready": False, **UNKNOWN, "units": {}, "compute": own}


def case(*, everywhere=None, records=None, now=1000.0, rivals=None, **found):
    """A case in which all is well but what is named."""
    said = {one: controller() if one.startswith("ctl") else compute() for one in IDS}
    for one in IDS[:3]:
        said[one] = {**said[one], **(everywhere or {})}
    return {
        "name": "demo",
        "system": "nova",
        "cluster": CLUSTER,
        "nodes": list(IDS),
        "found": {**said, **found},
        "rivals": rivals or {},
        "records": {"": records} if records else {},
        "facts": None,
        "wish": None,
        "now": now,
    }


def decided(of):
    """What is decided about the cell; about progress see test_nova_progress.py."""
    decision, _ = rule.decide(of)
    return decision


BARE = {"is_ready": False, **UNKNOWN}
NEW = [host("cmp1"), host("cmp2", is_mapped=False, is_marked=False)]
TAKEN = [host("cmp1"), host("cmp2", is_mapped=False)]
FIRST = [host("cmp1"), host("cmp2")]

# What is found, and the verdict, whose nodes and arguments.
CASES = {
    "all is well": (case(), "settled", [], None),
    "a controller has left": (
        case(everywhere={"services": GONE}),
        "forget_services",
        ["ctl1"],
        {"hosts": ["old-host"]},
    ),
    "no controller is configured": (case(everywhere=BARE), "wait", [], None),
    "no database answers": (case(everywhere=UNKNOWN), "wait", [], None),
    "no controller answers": (case(ctl1=None, ctl2=None, ctl3=ERROR), "wait", [], None),
    "no controller that answers has this master's module": (
        case(ctl1=LESS, ctl2=None, ctl3=None),
        "refuse",
        ["ctl1"],
        None,
    ),
    "the schema is not there": (
        case(everywhere={"pending": "sync", "cells": [], "hosts": []}),
        "wait",
        [],
        None,
    ),
    "there is no cell": (case(everywhere={"cells": []}), "create_cell", ["ctl1"], None),
    "a schema that is to be contracted is enough": (
        case(everywhere={"cells": [], "pending": "contract"}),
        "create_cell",
        ["ctl1"],
        None,
    ),
    "the first controller's database does not answer": (
        case(everywhere={"cells": []}, ctl1=controller(**UNKNOWN)),
        "create_cell",
        ["ctl2"],
        None,
    ),
    "the first controller does not know which services report": (
        case(everywhere={"cells": []}, ctl1=controller(services=None)),
        "create_cell",
        ["ctl2"],
        None,
    ),
    "the first controller is silent": (
        case(everywhere={"cells": []}, ctl1=None),
        "create_cell",
        ["ctl2"],
        None,
    ),
    "the first controller has an older module": (
        case(everywhere={"cells": []}, ctl1=LESS),
        "create_cell",
        ["ctl2"],
        None,
    ),
    "the only cell is not as it should be": (
        case(everywhere={"cells": [OTHER]}),
        "update_cell",
        ["ctl1"],
        {"cell": "c2"},
    ),
    "of several cells ours is not as it should be": (
        case(everywhere={"cells": [OTHER, {**CELL, "is_current": False}]}),
        "update_cell",
        ["ctl1"],
        {"cell": "c1"},
    ),
    "somebody has a cell beside ours": (
        case(everywhere={"cells": [OTHER, CELL]}),
        "settled",
        [],
        None,
    ),
    "several cells are ours": (
        case(everywhere={"cells": [CELL, {**CELL, "uuid": "c3"}]}),
        "refuse",
        ["ctl1"],
        None,
    ),
    "none of several cells is ours": (
        case(everywhere={"cells": [OTHER, {**OTHER, "uuid": "c3"}]}),
        "refuse",
        ["ctl1"],
        None,
    ),
    "controllers have different pillars": (
        case(ctl3=controller(cells=[{**CELL, "is_current": False}])),
        "wait",
        [],
        None,
    ),
    "controllers with different pillars hold no host up": (
        case(everywhere={"hosts": NEW}, ctl3=controller(cells=[{**CELL, "is_current": False}])),
        "discover_hosts",
        ["ctl1"],
        {"by_service": False},
    ),
    "a host has registered": (
        case(everywhere={"hosts": NEW}, cmp2=compute(is_mapped=False)),
        "discover_hosts",
        ["ctl1"],
        {"by_service": False},
    ),
    "a host's mapping was taken away by hand": (
        case(everywhere={"hosts": TAKEN}),
        "discover_hosts",
        ["ctl1"],
        {"by_service": True},
    ),
    "a host is there whose node is silent": (
        case(everywhere={"hosts": NEW}, cmp2=None),
        "discover_hosts",
        ["ctl1"],
        {"by_service": False},
    ),
    "nodes do not know that they are mapped": (
        case(cmp1=compute(is_mapped=False), cmp2=compute(is_mapped=False)),
        "confirm",
        ["cmp1", "cmp2"],
        {"is_mapped": True},
    ),
    "a rebuilt node's host is mapped before its service runs": (
        case(cmp2=compute(is_mapped=False, is_running=False)),
        "confirm",
        ["cmp2"],
        {"is_mapped": True},
    ),
    "a host was taken out": (
        case(everywhere={"hosts": FIRST[:1]}),
        "confirm",
        ["cmp2"],
        {"is_mapped": False},
    ),
    "a node's service does not run yet": (
        case(
            everywhere={"hosts": FIRST[:1]},
            cmp2=compute(is_mapped=False, is_running=False),
        ),
        "settled",
        [],
        None,
    ),
    "a node's service has just been started": (
        case(everywhere={"hosts": FIRST[:1]}, cmp2=compute(is_mapped=False)),
        "wait",
        [],
        None,
    ),
    "a node's service does not register": (
        case(
            everywhere={"hosts": FIRST[:1]},
            cmp2=compute(is_mapped=False),
            records={"waiting_since": 1000.0 - rule.PATIENCE},
        ),
        "refuse",
        ["cmp2"],
        None,
    ),
    "a compute node is silent": (case(cmp1=None), "settled", [], None),
    "a compute node answers with an error": (case(cmp1=ERROR), "settled", [], None),
    "a compute node has an older module": (case(cmp1=LESS), "refuse", ["cmp1"], None),
    "an older module holds nobody else up": (
        case(cmp1=LESS, cmp2=compute(is_mapped=False)),
        "confirm",
        ["cmp2"],
        {"is_mapped": True},
    ),
    "a controller of several is silent": (case(ctl2=None), "settled", [], None),
    "a stranger has registered": (
        case(everywhere={"hosts": [*FIRST, host("cmp9", is_mapped=False)]}),
        "refuse",
        [],
        None,
    ),
    "a stranger is in the cell": (
        case(everywhere={"hosts": [*FIRST, host("cmp9")]}),
        "refuse",
        [],
        None,
    ),
    "a controller that is a stranger as a host": (
        case(everywhere={"hosts": [*FIRST, host("ctl1")]}),
        "refuse",
        [],
        None,
    ),
}


@pytest.mark.parametrize(("of", "verdict", "nodes", "arguments"), CASES.values(), ids=CASES)
def test_rule(of, verdict, nodes, arguments):
    decision = decided(of)
    assert (decision["verdict"], decision["nodes"]) == (verdict, nodes), decision["why"]
    assert decision.get("arguments") == arguments
    assert decision["way_out"] or verdict != "refuse"


def test_every_verdict_is_decided_somewhere():
    assert {verdict for _, verdict, _, _ in CASES.values()} >= set(rule.VERDICTS) - {"restart"}


def test_everybody_is_asked_once_more_before_a_cell_is_made():
    final = {
        decision["verdict"]
        for of, *_ in CASES.values()
        if (decision := decided(of)).get("is_final")
    }
    assert final == {"create_cell"}


def test_who_is_silent_is_named_while_nobody_knows():
    why = decided(case(ctl1=None, ctl2=ERROR, ctl3=controller(**UNKNOWN)))["why"]
    assert why == (
        "no controller that answers knows what is in the database, ctl1 did not answer, ctl2 "
        "answered with an error (no systemd)"
    )


ABSENT = {"everywhere": {"hosts": FIRST[:1]}, "cmp2": compute(is_mapped=False)}


def test_one_that_does_not_register_is_looked_for_until_it_is_a_persons():
    of = case(**ABSENT)
    waits = decided(of)
    assert rule.again(of, waits, None) == rule.LOOK_AGAIN
    kept = rule.remember(of, waits)
    assert kept == {"waiting_since": 1000.0}
    late = case(**ABSENT, records=kept, now=1000.0 + rule.PATIENCE)
    refused = decided(late)
    assert refused["verdict"] == "refuse"
    assert rule.again(late, refused, None) is None
    assert rule.remember(late, refused) == kept
    assert rule.remember(case(), decided(case())) == {}


def test_a_wait_for_something_else_does_not_count_for_one_that_registers():
    of = case(everywhere=UNKNOWN, records={"waiting_since": 1.0})
    assert rule.remember(of, decided(of)) == {}


def test_a_master_that_is_not_obeyed_does_not_look_again():
    of = case(**ABSENT, rivals={"ctl2": "m2"})
    assert rule.again(of, decided(of), None) is None


def test_after_a_step_everybody_is_looked_at_again_unless_it_failed():
    of = case(everywhere={"cells": []})
    assert rule.again(of, decided(of), {}) == 0
    assert rule.again(of, decided(of), {"ctl1": "did not answer"}) is None


def test_told_are_those_who_wait():
    of = case(
        ctl1=controller(cells=[]),
        ctl2=controller(cells=None),
        cmp1=compute(is_mapped=False),
        cmp2=None,
    )
    assert rule.listeners(of, decided(of)) == ["ctl1", "ctl2", "cmp1"]
    assert rule.listeners(case(), decided(case())) == []


def test_a_node_that_is_controller_and_compute_node_is_both():
    """A sole node, as a masterless minion decides for it."""
    nodes = {"all1": {"hostname": "all1-host", "roles": ["controller", "compute"]}}
    said = controller(
        cells=[CELL], hosts=[host("all1")], compute={"is_running": True, "is_mapped": False}
    )
    of = {
        **case(),
        "cluster": {"name": "demo", "nodes": nodes},
        "nodes": ["all1"],
        "found": {"all1": said},
    }
    assert decided(of)["verdict"] == "confirm"
    of["found"] = {"all1": {**said, "compute": {"is_running": True, "is_mapped": True}}}
    assert decided(of)["verdict"] == "settled"
