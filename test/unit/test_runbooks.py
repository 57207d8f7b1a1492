"""Every section that a refusal names exists, and every command in it has a host."""

import openstack_ha_galera_election as election
import openstack_ha_rabbitmq_membership as membership
import pytest
from runbook import FOLDER, sections

HOSTS = {"master", "ctl1", "ctl2", "ctl3"}
FILES = sorted(path.name for path in FOLDER.glob("*.md") if path.name != "README.md")


RABBITMQ = [
    (membership.RUNBOOK.removeprefix("docs/runbooks/"), getattr(membership, title))
    for title in ("CLUSTERS", "SILENT", "TABLES", "STUCK", "PARTED")
]


@pytest.mark.parametrize(("name", "title"), [*election.SECTIONS.values(), *RABBITMQ])
def test_a_refusals_section_exists_and_says_what_to_do(name, title):
    assert sections(name)[title]


@pytest.mark.parametrize("name", FILES)
def test_every_command_has_a_host_of_the_example(name):
    blocks = [block for found in sections(name).values() for block in found]
    assert {where for block in blocks for where, _ in block} <= HOSTS


@pytest.mark.parametrize("name", FILES)
def test_the_table_of_runbooks_names_it(name):
    assert f"]({name})" in (FOLDER / "README.md").read_text(encoding="utf-8")
