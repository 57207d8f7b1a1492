"""What a runner raises reaches people as one text, and callers as the error that it was."""

import ast

import openstack_ha_command
import pytest
import salt.exceptions
from runners import load, utils
from salt.exceptions import CommandExecutionError, SaltRunnerError
from support import ROOT

RUNNERS = sorted(path.stem for path in ROOT.glob("_runners/*.py"))


@pytest.fixture
def record():
    """A runner, guarded as Salt's loader has it guarded."""
    module = load("_runners", "openstack_ha_record", __utils__=utils())
    module.__init__({})
    return module


@pytest.mark.parametrize("name", RUNNERS)
def test_every_runner_is_guarded_when_it_is_loaded(name):
    module = load("_runners", name, __utils__=utils())
    module.__init__({})
    body = ast.parse((ROOT / "_runners" / f"{name}.py").read_text(encoding="utf-8")).body
    public = [
        node.name
        for node in body
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
    ]
    assert public
    for one in public:
        function = getattr(module, one)
        assert function.__wrapped__.__name__ == function.__name__ == one
        assert "CLI Example:" in function.__doc__, "`salt-run -d` shows it as before"


@pytest.mark.parametrize("error", [CommandExecutionError, SaltRunnerError])
def test_an_error_is_its_text_alone_and_still_caught_as_before(record, error):
    def refuse(name):
        raise error("ctl9 is no controller")

    (module,) = guarded(refuse)
    with pytest.raises(SaltRunnerError) as told:
        module["refuse"]("demo")
    assert str(told.value) == "ctl9 is no controller"
    # The one kind of which Salt's client shows no traceback.
    assert isinstance(told.value, salt.exceptions.NotImplemented)


def test_a_fault_of_our_own_says_how_to_see_where():
    def stumble(name):
        raise KeyError("swift")

    (module,) = guarded(stumble)
    with pytest.raises(openstack_ha_command.CommandError) as told:
        module["stumble"]("demo")
    assert str(told.value).startswith("probe.stumble failed by a fault of its own, KeyError: ")
    assert "salt-run --log-level=debug probe.stumble" in str(told.value)


def test_wrong_arguments_are_an_error_that_names_the_help(record):
    with pytest.raises(openstack_ha_command.CommandError) as told:
        record.read()
    assert "missing a required argument: 'name'" in str(told.value)
    assert "`salt-run -d openstack_ha_record.read`" in str(told.value)


def test_a_text_goes_up_through_several_runners_as_it_is():
    def below():
        raise CommandExecutionError("the file is gone")

    (module,) = guarded(below)

    def above():
        module["below"]()

    (upper,) = guarded(above)
    with pytest.raises(openstack_ha_command.CommandError) as told:
        upper["above"]()
    assert str(told.value) == "the file is gone"


def guarded(*functions):
    module = {"__virtualname__": "probe", "__name__": __name__}
    module |= {function.__name__: function for function in functions}
    openstack_ha_command.guard(module)
    return [module]
