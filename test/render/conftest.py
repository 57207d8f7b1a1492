"""Salt's own compiler over the formula, without a daemon and without root."""

import json

import pytest
from reference import GRAINS
from saltfactories.utils.functional import Loaders
from support import formula_root, minion_options, pillar_root


@pytest.fixture(scope="session")
def formula(tmp_path_factory):
    return formula_root(tmp_path_factory.mktemp("render") / "formula")


@pytest.fixture
def loaders_of(formula, tmp_path):
    """Return a function that gives Salt's loaders for a minion id and a plain pillar."""

    def make(minion_id, cluster):
        pillar = pillar_root(tmp_path / "pillar", cluster)
        # Salt reads static grains from the file alone.
        (tmp_path / "minion").write_text(json.dumps({"grains": GRAINS}), encoding="utf-8")
        return Loaders(minion_options(tmp_path, minion_id, formula, pillar))

    return make
