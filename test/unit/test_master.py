"""A node and its masters: it serves one at a time, and another one after a silence."""

import importlib.util
import types

import pytest
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


def test_only_the_formulas_functions_are_served(node):
    with pytest.raises(CommandExecutionError, match=r"cmd\.run is no function of the formula"):
        node.serve("m1", "cmd.run", {"cmd": "true"})
