"""Rules of the house that a reader would otherwise have to remember."""

import ast
import re

import pytest
from support import ROOT

PUBLIC = [
    (path, node)
    for folder in ("_modules", "_runners", "_states")
    for path in sorted((ROOT / folder).glob("*.py"))
    for node in ast.parse(path.read_text(encoding="utf-8")).body
    if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
]
# Salt calls it, nobody else.
HOOKS = {"mod_watch"}
STATES = [
    (path, node)
    for path, node in PUBLIC
    if path.parent.name == "_states" and node.name not in HOOKS
]
# Where a layer finds what it calls by name.
REACHES = {
    "_modules": {"salt": "_modules", "utils": "_utils"},
    "_states": {"salt": "_modules", "utils": "_utils"},
    "_runners": {"salt": "_runners", "utils": "_utils"},
}
CALL = re.compile(r'__(salt|utils)__\["(openstack_ha\w*)\.(\w+)"\]')
COMMANDS = [(path, node) for path, node in PUBLIC if path.parent.name != "_states"]


def _name(case):
    path, node = case
    return f"{path.stem}.{node.name}"


@pytest.mark.parametrize("case", PUBLIC, ids=_name)
def test_public_functions_explain_their_arguments(case):
    _, node = case
    text = ast.get_docstring(node)
    assert text, "no docstring"
    arguments = [argument.arg for argument in node.args.args]
    lines = [line.strip() for line in text.splitlines()]
    named = {name.strip() for line in lines for name in line.split(",")}
    assert [name for name in arguments if name not in named] == []


@pytest.mark.parametrize("case", COMMANDS, ids=_name)
def test_commands_have_an_example(case):
    assert "CLI Example:" in ast.get_docstring(case[1])


@pytest.mark.parametrize("case", STATES, ids=_name)
def test_states_run_in_both_modes_on_real_servers(case):
    path, node = case
    call = f"{path.stem}.{node.name}("
    tests = [file.read_text(encoding="utf-8") for file in ROOT.glob("test/functional/**/test_*.py")]
    calls = [text[text.index(call) :][:300] for text in tests if call in text]
    assert calls, f"no functional test calls {call})"
    assert any("test=" in text for text in tests if call in text)


@pytest.mark.parametrize("layer", REACHES)
def test_what_is_called_by_name_is_there(layer):
    calls, absent = 0, []
    for path in sorted((ROOT / layer).glob("*.py")):
        for kind, file, function in CALL.findall(path.read_text(encoding="utf-8")):
            called = ROOT / REACHES[layer][kind] / f"{file}.py"
            body = ast.parse(called.read_text(encoding="utf-8")).body if called.exists() else []
            names = {node.name for node in body if isinstance(node, ast.FunctionDef)}
            calls += 1
            if function not in names:
                absent.append(f"{path.name} calls {file}.{function}")
    assert calls
    assert absent == []


def test_utils_are_pure():
    for path in ROOT.glob("_utils/*.py"):
        text = path.read_text(encoding="utf-8")
        for dunder in ("__salt__", "__opts__", "__pillar__", "__grains__", "__utils__"):
            assert dunder not in text, f"{path.name} has {dunder}"
        for call in ("open(", "subprocess", "import os"):
            assert call not in text, f"{path.name} has {call}"


def test_file_names_are_the_formulas_own():
    for folder in ("_modules", "_runners", "_states", "_utils", "_output", "_pillar"):
        for path in (ROOT / folder).glob("*.py"):
            assert path.stem.startswith("openstack_ha"), path
