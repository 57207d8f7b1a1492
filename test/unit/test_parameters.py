"""Units that a description names are those of the parameters by release."""

import openstack_ha_systems
import pytest
import yaml
from support import ROOT

RELEASES = sorted((ROOT / "openstack_ha/parameters").glob("*.yaml"))


def _texts(value):
    if isinstance(value, dict):
        value = [*value.values()]
    if isinstance(value, list):
        return {text for one in value for text in _texts(one)}
    return {str(value)}


@pytest.mark.parametrize("release", RELEASES, ids=lambda path: path.stem)
def test_what_has_turns_has_the_unit_of_the_parameters(release):
    known = _texts(yaml.safe_load(release.read_text(encoding="utf-8")))
    turns = openstack_ha_systems.turns()
    units = {part: facts["unit"] for part, facts in turns.items() if "unit" in facts}
    assert units
    strange = {part: unit for part, unit in units.items() if unit[: -len(".service")] not in known}
    assert strange == {}
