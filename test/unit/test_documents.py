"""What the documents say of the product is so, and every link in them leads somewhere."""

import ast
import collections
import importlib
import pathlib
import re

import openstack_ha_cluster
import openstack_ha_rule
import openstack_ha_systems
import pytest
import salt.runners
from support import ROOT

ARCHITECTURE = ROOT / "docs/architecture.md"
MOST_WORDS = 2500
VERDICTS = "## Every verdict"
DECISIONS = ROOT / "docs/decisions.md"
WHOSE = {"master": "_runners", "node": "_modules"}
DOCUMENTS = sorted(
    [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("lab/*.md")],
    key=lambda path: path.relative_to(ROOT).as_posix(),
)
EXAMPLE = ROOT / "pillar.example"

BLOCK = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)
CODE = re.compile(r"`[^`\n]+`")
LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
# A command that calls a function of the formula's, with the target before it.
COMMAND = re.compile(
    r"\bsalt(?P<kind>-run|-call)?(?: [^.\s`]+)*? (?P<module>openstack_ha\w*)\.(?P<function>\w+)"
)
# One of Salt's own runners.
RUNNER = re.compile(r"\bsalt-run(?: -\S+)* (?!openstack_ha)(?P<module>[a-z]\w*)\.(?P<function>\w+)")
# A function, a state or an SLS by its name alone.
NAMED = re.compile(r"`(openstack_ha\w*)\.([\w.]+)`")
DECISION = re.compile(r"^### (.+)\n\n((?:.+\n)+)", re.MULTILINE)
# How a decision ends: with a link, a commit or a file.
SOURCE = re.compile(r"(?:\]\(\S+\)|`[0-9a-f]{7}`|`(?P<file>[\w./-]+)`)\n\Z")
DOCUMENT = re.compile(r"\bdocs/[\w/-]+\.md\b")


def _text(path):
    return path.read_text(encoding="utf-8")


def _name(path):
    return path.relative_to(ROOT).as_posix()


def _anchors(path):
    """As GitHub makes them of headings."""
    seen, found = collections.Counter(), set()
    for heading in HEADING.findall(BLOCK.sub("", _text(path))):
        words = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        found.add(f"{words}-{seen[words]}" if seen[words] else words)
        seen[words] += 1
    return found


def _links(path):
    """The links to files, as pairs of path and anchor."""
    text = CODE.sub("", BLOCK.sub("", _text(path)))
    found = [link.partition("#") for link in LINK.findall(text) if "://" not in link]
    return [((path.parent / file).resolve() if file else path, anchor) for file, _, anchor in found]


def _rows(title):
    """The rows of the table under a heading of the architecture."""
    _, _, text = _text(ARCHITECTURE).partition(f"{title}\n")
    lines = [line for line in text.partition("\n## ")[0].splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def _functions(path):
    if not path.exists():
        return set()
    return {one.name for one in ast.parse(_text(path)).body if isinstance(one, ast.FunctionDef)}


def _declared():
    """The verdicts of all rules, each with its system."""
    found = [("any", verdict) for verdict in openstack_ha_rule.RESTING]
    for system in openstack_ha_cluster.coordinated():
        rule = importlib.import_module(f"openstack_ha_{system}_rule")
        found += [(system, verdict) for verdict in rule.VERDICTS]
    return found


def test_every_rule_is_of_a_coordinated_system():
    files = {path.stem for path in ROOT.glob("_utils/openstack_ha_*_rule.py")}
    systems = openstack_ha_cluster.coordinated()
    assert {f"openstack_ha_{system}_rule" for system in systems} == files


def test_the_architecture_is_read_at_one_sitting():
    assert len(_text(ARCHITECTURE).split()) <= MOST_WORDS


def test_the_table_of_verdicts_is_that_of_the_rules():
    listed = [(system, verdict) for system, verdict, *_ in _rows(VERDICTS)]
    assert sorted(listed) == sorted(_declared())


def test_the_table_of_verdicts_says_whose_step_each_is():
    for system, verdict, whose, _what, _is_final in _rows(VERDICTS):
        if system != "any":
            path = ROOT / WHOSE[whose] / f"openstack_ha_{system}.py"
            assert verdict in _functions(path), f"{verdict} in {path}"


def test_each_system_has_its_page():
    pages = {path.stem for path in ROOT.glob("docs/systems/*.md")}
    assert pages == {*openstack_ha_systems.SYSTEMS, *openstack_ha_cluster.coordinated()}


def test_the_architecture_leads_to_each_page_of_a_system():
    linked = {path for path, _ in _links(ARCHITECTURE)}
    assert set(ROOT.glob("docs/systems/*.md")) <= linked


@pytest.mark.parametrize("path", DOCUMENTS, ids=_name)
def test_every_link_leads_somewhere(path):
    for file, anchor in _links(path):
        assert file.exists(), f"{file} of {_name(path)}"
        assert not anchor or anchor in _anchors(file), f"{file}#{anchor} of {_name(path)}"


@pytest.mark.parametrize("path", [*DOCUMENTS, EXAMPLE], ids=_name)
def test_every_command_is_one(path):
    assert _no_commands(path) == []


def test_every_command_that_the_product_names_is_one():
    files = _product()
    assert [text for path in files for text in COMMAND.findall(_text(path))]
    assert [text for path in files for text in _no_commands(path)] == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=_name)
def test_every_runner_of_salts_own_is_one(path):
    folder = pathlib.Path(salt.runners.__file__).parent
    absent = [
        f"{module}.{function}"
        for module, function in RUNNER.findall(_text(path))
        if function not in _functions(folder / f"{module}.py")
    ]
    assert absent == []


# What was is in the change log, too.
@pytest.mark.parametrize(
    "path", [one for one in [*DOCUMENTS, EXAMPLE] if one.name != "CHANGELOG.md"], ids=_name
)
def test_whatever_is_named_is_there(path):
    layers = ("_modules", "_runners", "_states", "_utils")
    for module, name in NAMED.findall(_text(path)):
        functions = [_functions(ROOT / layer / f"{module}.py") for layer in layers]
        sls = ROOT / module / name.replace(".", "/")
        is_sls = sls.is_dir() or sls.with_suffix(".sls").exists()
        assert is_sls or any(name in one for one in functions), f"{module}.{name} of {_name(path)}"


def _no_commands(path):
    """The commands of a text whose function nobody has."""
    return [
        f"{module}.{function} of {_name(path)}"
        for kind, module, function in COMMAND.findall(_text(path))
        if function
        not in _functions(ROOT / ("_runners" if kind == "-run" else "_modules") / f"{module}.py")
    ]


def _product():
    folders = [*ROOT.glob("_*/"), ROOT / "openstack_ha"]
    return [path for folder in folders for path in folder.rglob("*") if _is_ours(path)]


def test_every_decision_says_what_was_rejected_and_where_more_is():
    found = DECISION.findall(_text(DECISIONS))
    assert found
    for title, text in found:
        source = SOURCE.search(text)
        assert text.startswith("Rejected: "), title
        assert source, title
        assert not source["file"] or (ROOT / source["file"]).exists(), title


def test_every_document_that_the_product_names_is_there():
    folders = [*ROOT.glob("_*/"), ROOT / "openstack_ha", ROOT / "test", ROOT / "lab"]
    files = [path for folder in folders for path in folder.rglob("*") if _is_ours(path)]
    named = {(name, path) for path in files for name in DOCUMENT.findall(_text(path))}
    assert named
    assert [(name, path) for name, path in sorted(named) if not (ROOT / name).exists()] == []


def _is_ours(path):
    is_kept = not any(part.startswith(".") for part in path.relative_to(ROOT).parts)
    return is_kept and path.suffix in {".py", ".sls", ".jinja", ".yaml"}
