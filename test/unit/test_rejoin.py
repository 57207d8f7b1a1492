"""Who comes back after a boot, in which steps, and what is said of those who do not."""

import openstack_ha_rejoin as rejoin
import pytest

NODES = {
    "ctl1": {"roles": ["controller"]},
    "ctl2": {"roles": ["controller"]},
    "cmp1": {"roles": ["compute"]},
}
CLUSTER = {"name": "demo", "nodes": NODES}
SYSTEMS = [
    "hosts",
    "galera",
    "rabbitmq",
    "memcached",
    "keystone",
    "placement",
    "health",
    "haproxy",
    "keepalived",
    "keystone.identity",
]
DUE = {"is_deployed": True, "has_rejoined": False, "is_applying": False}

TAGS = {
    "a minion": ("salt/minion/ctl1.example.org/start", "ctl1.example.org"),
    "an id with a slash": ("salt/minion/a/b/start", "a/b"),
    "nobody": ("salt/minion//start", None),
    "too short": ("salt/minion/start", None),
    "another event": ("salt/auth", None),
    "the longest id": (f"salt/minion/{'a' * 255}/start", "a" * 255),
    "a longer id": (f"salt/minion/{'a' * 256}/start", None),
}

NOT_DUE = {
    "no answer": None,
    "never deployed": {**DUE, "is_deployed": False},
    "back already": {**DUE, "has_rejoined": True},
    "a state run at work": {**DUE, "is_applying": True},
}


def orchestration(**results):
    """The return of an orchestration whose steps all went well, but for those named."""
    states = {}
    for number, name in enumerate(["sync", *SYSTEMS]):
        key = f"salt_|-openstack_ha_rejoin_{name}_|-openstack_ha_rejoin_{name}_|-state"
        good = {"result": True, "comment": "States ran successfully.", "changes": {}}
        states[key] = {
            "__id__": f"openstack_ha_rejoin_{name}",
            "__run_num__": number,
            **results.get(name, good),
        }
    return states


def failed(returns=None, comment="Run failed on minions"):
    changes = {"out": "highstate", "ret": returns} if returns else {}
    return {"result": False, "comment": comment, "changes": changes}


def applied(result, comment=""):
    return {"service_|-x_|-x_|-running": {"__id__": "x", "result": result, "comment": comment}}


@pytest.mark.parametrize(("tag", "minion_id"), TAGS.values(), ids=TAGS)
def test_the_id_of_a_tag(tag, minion_id):
    assert rejoin.minion_id(tag) == minion_id


@pytest.mark.parametrize("answer", NOT_DUE.values(), ids=NOT_DUE)
def test_only_a_deployed_node_that_is_not_back_is_due(answer):
    assert rejoin.due({"ctl1": answer, "ctl2": DUE}) == ["ctl2"]


def test_steps_are_the_roles_systems_in_their_order():
    steps = rejoin.steps(CLUSTER, ["ctl2", "ctl1"])
    assert [step["system"] for step in steps] == SYSTEMS
    assert all(step["nodes"] == ["ctl2", "ctl1"] for step in steps)


def test_every_step_has_the_nodes_of_its_system_only():
    found = {step["system"]: step["nodes"] for step in rejoin.steps(CLUSTER, ["cmp1", "ctl1"])}
    assert found == {"hosts": ["cmp1", "ctl1"], **dict.fromkeys(SYSTEMS[1:], ["ctl1"])}


STEPS = rejoin.steps(CLUSTER, ["ctl1", "ctl2"])


def test_nothing_is_wrong_when_every_step_went_well():
    assert rejoin.failures(STEPS, orchestration()) == {}


def test_the_first_failed_step_names_its_nodes_and_why():
    states = orchestration(
        galera=failed({"ctl1": applied(True), "ctl2": applied(False, "no word")}),
        rabbitmq=failed(comment="One or more requisite failed"),
    )
    assert rejoin.failures(STEPS, states) == {"ctl2": {"step": "galera", "why": "x: no word"}}


@pytest.mark.parametrize(
    ("returned", "why"),
    [(False, "did not answer"), (["Rendering failed", "line 3"], "Rendering failed; line 3")],
)
def test_a_node_without_states_has_failed_as_a_whole(returned, why):
    states = orchestration(health=failed({"ctl1": returned}))
    assert rejoin.failures(STEPS, states) == {"ctl1": {"step": "health", "why": why}}


def test_a_step_that_nobody_is_at_fault_for_has_failed_for_all():
    states = orchestration(sync=failed(comment="No minions responded"))
    assert rejoin.failures(STEPS, states) == {
        node: {"step": "sync", "why": "No minions responded"} for node in ("ctl1", "ctl2")
    }


def test_an_orchestration_that_does_not_render_has_failed_for_all():
    found = rejoin.failures(STEPS, ["Rendering SLS failed"])
    assert found["ctl1"] == {"step": None, "why": "Rendering SLS failed"}
    assert set(found) == {"ctl1", "ctl2"}


def test_a_step_that_was_not_taken_is_no_success():
    states = orchestration()
    states.popitem()
    assert rejoin.failures(STEPS, states)["ctl1"]["step"] == "keystone.identity"


def test_reasons_are_short():
    states = orchestration(galera=failed({"ctl1": applied(False, "a" * 5000)}))
    assert len(rejoin.failures(STEPS, states)["ctl1"]["why"]) <= rejoin.LONGEST_REASON


def test_the_rings_come_back_on_their_owner_only():
    nodes = {name: {"roles": ["storage"]} for name in ("sto1", "sto2")}
    cluster = {"name": "demo", "nodes": nodes, "swift": {"owner": "sto2"}}
    assert rejoin.steps(cluster, list(nodes)) == [
        {"system": "hosts", "nodes": ["sto1", "sto2"]},
        {"system": "swift.rings", "nodes": ["sto2"]},
        {"system": "swift.storage", "nodes": ["sto1", "sto2"]},
    ]
