"""A node and its masters: it serves one at a time, and another one after a silence."""

import ast
import importlib.util
import re
import types

import openstack_ha_served
import pytest
from runners import utils
from salt.exceptions import CommandExecutionError
from support import ROOT


@pytest.fixture
def node(tmp_path):
    spec = importlib.util.spec_from_file_location(
        "master_under_test", ROOT / "_modules/openstack_ha_master.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.PATH = str(tmp_path / "run" / "master.json")
    module.time = types.SimpleNamespace(monotonic=lambda: module.now)
    module.now = 100_000.0
    module.__utils__ = utils()
    module.__salt__ = {
        "openstack_ha_galera.launch": lambda: {"server": "starting"},
        "openstack_ha_seal.seal": lambda question, answer: answer,
    }
    return module


def ask(node, master):
    return node.serve(master, "openstack_ha_galera.launch")


def test_the_first_master_is_served_and_another_is_told_who_it_is(node):
    assert ask(node, "m1") == {"server": "starting", "obeys": "m1"}
    assert ask(node, "m2") == {"obeys": "m1"}
    assert ask(node, "m1")["server"] == "starting"


def test_a_silent_master_is_followed_by_the_next(node):
    ask(node, "m1")
    node.now += node.SILENCE
    assert ask(node, "m2") == {"server": "starting", "obeys": "m2"}
    assert ask(node, "m1") == {"obeys": "m2"}


def test_who_goes_on_asking_is_never_replaced(node):
    for _ in range(5):
        assert ask(node, "m1")["obeys"] == "m1"
        node.now += node.SILENCE - 1
        assert ask(node, "m2") == {"obeys": "m1"}


def test_what_takes_long_is_no_silence(node):
    def transfer():
        node.now += 3600
        return {}

    node.__salt__["openstack_ha_galera.join"] = transfer
    node.serve("m1", "openstack_ha_galera.join")
    assert ask(node, "m2") == {"obeys": "m1"}


def test_what_another_clock_has_written_makes_no_long_silence(node):
    ask(node, "m1")
    node.now -= 86400
    assert ask(node, "m2")["obeys"] == "m2"


def test_a_master_that_leaves_makes_room(node):
    node.__salt__["openstack_ha_master.leave"] = node.leave
    ask(node, "m1")
    assert node.serve("m2", "openstack_ha_master.leave") == {"obeys": "m1"}
    assert node.serve("m1", "openstack_ha_master.leave") == {"obeys": "m1"}
    assert ask(node, "m2")["obeys"] == "m2"


@pytest.mark.parametrize(
    "function",
    [
        "cmd.run",
        "openstack_ha.secret",
        "openstack_ha.view",
        "openstack_ha_cluster.load",
        "openstack_ha_cluster.secrets",
        "openstack_ha_fernet.keyring",
        "openstack_ha_galera.set_aside",
    ],
)
def test_what_is_not_meant_for_a_master_is_not_served(node, function):
    """The answer is a job's return: whoever may have jobs would have all passwords by one."""
    node.__salt__[function] = lambda **arguments: {"swift": "a-password"}
    assert node.serve("m1", function, {"path": "swift"}) == {"lacks": function, "obeys": "m1"}


def test_what_is_not_there_is_lacking(node):
    del node.__salt__["openstack_ha_galera.launch"]
    assert ask(node, "m1") == {"lacks": "openstack_ha_galera.launch", "obeys": "m1"}


@pytest.mark.parametrize(
    ("raised", "told"),
    [
        (CommandExecutionError("no room"), "no room"),
        (ValueError("x"), "ValueError: x"),
        (KeyError("y"), "KeyError: 'y'"),
    ],
)
def test_what_fails_is_an_answer_of_the_node(node, raised, told):
    def failing():
        node.now += 3600
        raise raised

    node.__salt__["openstack_ha_galera.launch"] = failing
    assert ask(node, "m1") == {"error": told, "obeys": "m1"}
    # What took long was this master's doing, whatever came of it.
    assert ask(node, "m2") == {"obeys": "m1"}


def test_what_is_no_answer_is_an_error(node):
    node.__salt__["openstack_ha_galera.launch"] = lambda: None
    assert ask(node, "m1")["error"].startswith("TypeError: ")


def test_all_that_is_served_is_there():
    """Its own step a master's runner has; the others are functions of the nodes' modules."""
    found = {
        f"{path.stem}.{one.name}"
        for folder in ("_modules", "_runners")
        for path in sorted((ROOT / folder).glob("*.py"))
        for one in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(one, ast.FunctionDef)
    }
    assert openstack_ha_served.functions() - found == set()


def test_all_that_runners_ask_nodes_for_is_served():
    asked = set()
    for path in (ROOT / "_runners").glob("*.py"):
        text = path.read_text(encoding="utf-8")
        call = r'openstack_ha_members\.(?:order|ask|evidence)"\]\([^)]*?"(openstack_ha\w*\.\w+)"'
        asked |= set(re.findall(call, text, re.DOTALL))
    assert "openstack_ha_guard.memory" in asked
    assert asked <= openstack_ha_served.functions()
