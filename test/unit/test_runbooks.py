"""Every section that a refusal names exists, and every command in it has a host."""

import openstack_ha_galera_election as election
import openstack_ha_keystone_word as keystone_word
import openstack_ha_rabbitmq_membership as membership
import openstack_ha_swift_spread as spread
import pytest
from runbook import FOLDER, sections

HOSTS = {"master", "ctl1", "ctl2", "ctl3", "sto1", "sto2"}
FILES = sorted(path.name for path in FOLDER.glob("*.md") if path.name != "README.md")


RABBITMQ = [
    (membership.RUNBOOK.removeprefix("docs/runbooks/"), getattr(membership, title))
    for title in ("CLUSTERS", "SILENT", "TABLES", "STUCK", "PARTED")
]
SWIFT = [
    (spread.RUNBOOK.removeprefix("docs/runbooks/"), getattr(spread, title))
    for title in ("LOST", "STRANGE", "HASH_PATHS")
]
KEYSTONE = [
    (keystone_word.RUNBOOK.removeprefix("docs/runbooks/"), title)
    for title in (keystone_word.NO_KEYS, keystone_word.OTHER_KEYS)
]


@pytest.mark.parametrize(
    ("name", "title"), [*election.SECTIONS.values(), *RABBITMQ, *SWIFT, *KEYSTONE]
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
