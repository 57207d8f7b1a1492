"""
Every section that a refusal names exists, every command in it has a host, and a test types it.
"""

import ast

import openstack_ha_galera_election as election
import openstack_ha_keystone_word as keystone_word
import openstack_ha_nova_progress as nova_progress
import openstack_ha_nova_rule as nova_rule
import openstack_ha_rabbitmq_membership as membership
import openstack_ha_rule
import openstack_ha_swift_spread as spread
import openstack_ha_turn_rule
import pytest
from runbook import FOLDER, sections
from support import ROOT

HOSTS = {"master", "ctl1", "ctl2", "ctl3", "sto1", "sto2", "cmp1"}
FILES = sorted(path.name for path in FOLDER.glob("*.md") if path.name != "README.md")


RABBITMQ = [
    (membership.RUNBOOK.removeprefix("docs/runbooks/"), getattr(membership, title))
    for title in ("CLUSTERS", "SILENT", "TABLES", "STUCK", "PARTED", "GHOST")
]
SWIFT = [
    (spread.RUNBOOK.removeprefix("docs/runbooks/"), getattr(spread, title))
    for title in ("LOST", "STRANGE", "HASH_PATHS")
]
KEYSTONE = [
    (keystone_word.RUNBOOK.removeprefix("docs/runbooks/"), title)
    for title in (keystone_word.NO_KEYS, keystone_word.OTHER_KEYS)
]
NOVA = [
    nova_rule.SEVERAL_CELLS,
    nova_rule.NOT_REGISTERED,
    nova_rule.STRANGER,
    (nova_progress.RUNBOOK.removeprefix("docs/runbooks/"), nova_progress.STAYS_SILENT),
]


EVERY = [
    openstack_ha_rule.OLD_MODULE,
    openstack_ha_rule.ERROR,
    openstack_ha_rule.IN_VAIN,
    openstack_ha_turn_rule.COMES_NOT_BACK,
]


@pytest.mark.parametrize(
    ("name", "title"), [*election.SECTIONS.values(), *RABBITMQ, *SWIFT, *KEYSTONE, *NOVA, *EVERY]
)
def test_a_refusals_section_exists_and_says_what_to_do(name, title):
    assert sections(name)[title]


@pytest.mark.parametrize("name", FILES)
def test_every_command_has_a_host_of_the_example(name):
    blocks = [block for found in sections(name).values() for block in found]
    assert {where for block in blocks for where, _ in block} <= HOSTS


@pytest.mark.parametrize("name", FILES)
def test_the_table_of_runbooks_names_it(name):
    assert f"]({name})" in (FOLDER / "README.md").read_text(encoding="utf-8")


def followed():
    """Return what the lab's tests type: runbook, section, and a block's number or None for all."""
    for path in sorted((ROOT / "test/lab").rglob("test_*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        names = {
            target.id: one.value.value
            for one in tree.body
            if isinstance(one, ast.Assign) and isinstance(one.value, ast.Constant)
            for target in one.targets
            if isinstance(target, ast.Name)
        }
        for function in ast.walk(tree):
            if isinstance(function, ast.FunctionDef):
                yield from _followed_by(function, names)


def _followed_by(function, names):
    """Of one test; ``*place`` is what it has compared with the place that a refusal named."""
    place = []
    for node in ast.walk(function):
        if isinstance(node, ast.Compare) and isinstance(node.comparators[0], ast.Tuple):
            place = node.comparators[0].elts
    for node in ast.walk(function):
        if isinstance(node, ast.Call) and getattr(node.func, "id", None) == "follow":
            given = [*node.args, *(keyword.value for keyword in node.keywords)]
            if isinstance(given[0], ast.Starred):
                given = [*place, *given[1:]]
            known = [
                names.get(getattr(one, "id", None), getattr(one, "value", None)) for one in given
            ]
            yield (*known, None)[:3]


TYPED = set(followed())
BLOCKS = [
    (name, title, number)
    for name in FILES
    for title, blocks in sections(name).items()
    for number in range(len(blocks))
]


@pytest.mark.parametrize(("name", "title", "number"), BLOCKS)
def test_a_test_types_every_block(name, title, number):
    assert {(name, title, None), (name, title, number)} & TYPED


@pytest.mark.parametrize("case", sorted(TYPED, key=str), ids=str)
def test_what_a_test_types_is_there(case):
    name, title, number = case
    assert sections(name)[title][number or 0]
