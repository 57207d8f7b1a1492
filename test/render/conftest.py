"""Salt's own compiler over the formula, without a daemon and without root."""

import copy

import pytest
import salt.config
from saltfactories.utils.functional import Loaders
from support import formula_root, pillar_root


@pytest.fixture(scope="session")
def formula(tmp_path_factory):
    return formula_root(tmp_path_factory.mktemp("render") / "formula")


@pytest.fixture
def loaders_of(formula, tmp_path):
    """Return a function that gives Salt's loaders for a minion id and a plain pillar."""

    def make(minion_id, cluster):
        options = copy.deepcopy(salt.config.DEFAULT_MINION_OPTS)
        options.update(
            id=minion_id,
            root_dir=str(tmp_path),
            cachedir=str(tmp_path / "cache"),
            # Beside the cache: Loaders empties that one before it loads.
            extension_modules=str(tmp_path / "extmods"),
            conf_file=str(tmp_path / "minion"),
            file_client="local",
            file_roots={"base": [str(formula)]},
            pillar_roots={"base": [str(pillar_root(tmp_path / "pillar", cluster))]},
        )
        return Loaders(options)

    return make
